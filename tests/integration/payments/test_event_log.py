"""Events of payments: written with their postings, relayed in order, and read back by position."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import redis.asyncio

from daira.events.v1 import event_log_service_pb2 as log_pb
from daira.events.v1 import events_pb2
from dev import child
from services.chassis.errors import AppError
from services.chassis.peer_errors import to_app_error
from tests.integration.payments.processes import Caller, PaymentsProcess, event_log_stub
from tests.stores import ROOT


async def test_events_reach_the_stream_and_the_log_service(
    payments: PaymentsProcess,
    channel: grpc.aio.Channel,
    person: Callable[[], Caller],
    redis_url: str,
    log_of: Path,
) -> None:
    fan, creator = person(), person()
    await fan.top_up(5_000, "a")
    await fan.top_up(5_013, "b")
    tip = await fan.tip(creator.user_id, 1_000, "c", post_id=9)
    environment = {**os.environ, **payments.environment, "REDIS_URL": redis_url, "SOCIAL_ADDRESS": "127.0.0.1:1"}
    with log_of.open("wb") as log:
        relay = child.spawn(
            [sys.executable, "-m", "services.payments.workers.relay"],
            log=log, death_signal=signal.SIGKILL, env=environment, cwd=ROOT,
        )  # fmt: skip
    try:
        streamed = await events_about(redis_url, {fan.user_id, creator.user_id}, 5)
    finally:
        child.end(relay, [(signal.SIGTERM, 10.0)])
    logged = await asyncio.to_thread(log_of.read_text)
    assert relay.returncode == 0, logged[-2000:]
    assert '"ready"' in logged

    kinds = [event.WhichOneof("payload") for event in streamed]
    assert kinds == ["wallet_opened", "wallet_topped_up", "top_up_declined", "wallet_opened", "tip_sent"]
    sent = streamed[-1]
    assert (sent.service, sent.aggregate_id, sent.actor_id) == ("payments", tip.transfer_id, fan.user_id)
    assert sent.tip_sent == events_pb2.TipSent(
        sender_id=fan.user_id, recipient_id=creator.user_id, amount_piastres=1_000, fee_piastres=50, vat_piastres=7,
        post_id=9,
    )  # fmt: skip

    stub, metadata = event_log_stub(channel)
    first = streamed[0].pos
    page = await stub.ListEvents(log_pb.ListEventsRequest(after_pos=first - 1, page_size=1000), metadata=metadata)
    assert [event.pos for event in page.events] == list(range(first, first + len(page.events)))
    by_pos = {event.pos: event for event in page.events}
    assert all(by_pos[event.pos] == event for event in streamed)
    assert page.head_pos >= streamed[-1].pos


async def events_about(redis_url: str, people: set[int], count: int) -> list[events_pb2.Event]:
    client = redis.asyncio.Redis.from_url(redis_url)
    try:
        async with asyncio.timeout(30):
            while True:
                entries: Any = await client.xrange("events:payments")
                events = [events_pb2.Event.FromString(fields[b"e"]) for _, fields in entries]
                found = [
                    event for event in events
                    if (event.actor_id in people or event.aggregate_id in people)
                    and event.WhichOneof("payload") != "saga_advanced"
                ]  # fmt: skip
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.05)
    finally:
        await client.aclose()


@pytest.mark.parametrize(("after_pos", "page_size"), [(-1, 0), (0, -1), (0, 1001)])
async def test_bad_pages_of_the_log_are_refused(channel: grpc.aio.Channel, after_pos: int, page_size: int) -> None:
    stub, metadata = event_log_stub(channel)
    request = log_pb.ListEventsRequest(after_pos=after_pos, page_size=page_size)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListEvents(request, metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_people_may_not_read_the_log(channel: grpc.aio.Channel, person: Callable[[], Caller]) -> None:
    stub, _ = event_log_stub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ListEvents(log_pb.ListEventsRequest(), metadata=person().metadata)
    error: AppError = to_app_error(caught.value)
    assert error.reason == "CALLER_NOT_ALLOWED"


async def test_statement_pages_meet_without_gap_or_repeat(person: Callable[[], Caller]) -> None:
    fan, creator, other = person(), person(), person()
    await fan.top_up(100_000, "a")
    for number in range(12):
        await fan.tip(creator.user_id, 100 + number, f"k{number}", post_id=number)
    await creator.tip(fan.user_id, 500, "back")
    token, lines, pages = "", [], 0
    while True:
        page = await fan.entries(page_size=5, page_token=token)
        lines += list(page.entries)
        pages += 1
        token = page.next_page_token
        if not token:
            break
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await other.entries(page_token=token)
        assert to_app_error(caught.value).reason == "PAGE_TOKEN_INVALID"
    assert pages == 3
    assert len({line.entry_id for line in lines}) == len(lines) == 14
    assert [line.kind for line in lines] == [3, *[2] * 12, 1]
    assert [line.counterparty_id for line in lines] == [creator.user_id] * 13 + [0]
    assert [line.entry_id for line in lines] == sorted((line.entry_id for line in lines), reverse=True)
    running = 0
    for line in reversed(lines):
        running += line.amount_piastres
        assert line.balance_after_piastres == running
    assert running == await fan.wallet()
    assert not (await other.entries()).entries
    with pytest.raises(grpc.aio.AioRpcError):
        await fan.entries(page_size=101)
