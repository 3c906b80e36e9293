"""The service as a process: reads every log, answers authors, says how far it is, and survives being killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from daira.analytics.v1 import analytics_service_pb2 as pb
from daira.analytics.v1 import analytics_service_pb2_grpc
from dev.child import spawn
from dev.ports import free_port
from services.chassis.redis_client import RedisClient
from tests.fakes.service_keys import identity_settings
from tests.integration.analytics.owners import NOW, Owners, event, make_owner, publish, some_events

ROOT = Path(__file__).resolve().parents[3]
AUTHOR = 5
pytestmark = [pytest.mark.stores, pytest.mark.faults]


class Process:
    """analytics on a port of its own."""

    def __init__(self, clickhouse_url: str, redis_url: str, owners: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self.log = log
        self._env = os.environ | {
            "ANALYTICS_LISTEN": f"127.0.0.1:{self.port}", "CLICKHOUSE_URL": clickhouse_url, "REDIS_URL": redis_url,
            "DRAIN_WAIT_S": "0", **identity_settings("analytics"),
            **{f"{service.upper()}_ADDRESS": address for service, address in owners.items()},
        }  # fmt: skip
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as file:
            command = [sys.executable, "-m", "services.analytics"]
            self.child = spawn(command, log=file, death_signal=signal.SIGKILL, env=self._env, cwd=ROOT)

    def end(self, number: int) -> int:
        assert self.child is not None
        self.child.send_signal(number)
        return self.child.wait(30)


class Client:
    """Calls analytics as an author."""

    def __init__(self, process: Process, token: str) -> None:
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{process.port}")
        self.stub = analytics_service_pb2_grpc.AnalyticsServiceStub(self.channel)
        self._metadata = [("authorization", f"Bearer {token}")]

    async def stats(self, days: int = 0) -> pb.GetAuthorStatsResponse:
        call: Any = self.stub.GetAuthorStats(
            pb.GetAuthorStatsRequest(days=days), metadata=self._metadata, wait_for_ready=True, timeout=60
        )
        response: pb.GetAuthorStatsResponse = await call
        return response

    async def positions(self) -> dict[str, tuple[int, int]]:
        call: Any = self.stub.GetIngestStatus(pb.GetIngestStatusRequest(), wait_for_ready=True, timeout=60)
        response: pb.GetIngestStatusResponse = await call
        return {each.service: (each.pos, each.head_pos) for each in response.positions}

    async def until(self, service: str, pos: int) -> None:
        async with asyncio.timeout(60):
            while (await self.positions())[service][0] < pos:  # noqa: ASYNC110 - another process moves it
                await asyncio.sleep(0.05)


@pytest.fixture
async def others() -> Any:
    made = {service: make_owner() for service in ("auth", "payments", "social")}
    for owner in made.values():
        await owner.start()
    yield made
    for owner in made.values():
        await owner.stop()


async def test_every_log_is_read_and_an_author_sees_their_own(
    others: dict[str, Owners], redis: RedisClient, redis_url: str, clickhouse_url: str, tmp_path: Path
) -> None:
    others["social"].events = some_events(1300, author_id=AUTHOR)
    others["auth"].events = [event(1, "user_registered", service="auth")]
    tip: dict[str, Any] = {
        "sender_id": 1,
        "recipient_id": AUTHOR,
        "amount_piastres": 1000,
        "fee_piastres": 100,
        "vat_piastres": 14,
    }
    await publish(redis, "payments", [event(1, "tip_sent", service="payments", **tip)])
    process = Process(
        clickhouse_url, redis_url, {name: each.address for name, each in others.items()}, tmp_path / "log"
    )
    process.start()
    client = Client(process, others["auth"].token(AUTHOR))
    for service, pos in (("social", 1300), ("payments", 1), ("auth", 1)):
        await client.until(service, pos)
    stats = await client.stats(90)
    assert (stats.total.likes, stats.total.tips, stats.total.tips_piastres) == (1300, 1, 886)
    assert len(stats.days) == 90
    assert sum(day.figures.likes for day in stats.days) == 1300
    assert await client.positions() == {"auth": (1, 1), "payments": (1, 1), "social": (1300, 1300)}
    stranger = Client(process, others["auth"].token(AUTHOR + 1))
    assert (await stranger.stats()).total == pb.AuthorFigures()
    for bad, code in (
        (client.stats(91), grpc.StatusCode.INVALID_ARGUMENT),
        (client.stub.GetAuthorStats(pb.GetAuthorStatsRequest()), grpc.StatusCode.UNAUTHENTICATED),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await bad
        assert caught.value.code() is code
    await client.channel.close()
    await stranger.channel.close()
    assert process.end(signal.SIGTERM) == 0


async def test_killed_while_it_stores_it_ends_up_exact(
    others: dict[str, Owners], redis_url: str, clickhouse_url: str, tmp_path: Path
) -> None:
    events = some_events(6000, author_id=AUTHOR, at=NOW + timedelta(seconds=1))
    process = Process(
        clickhouse_url, redis_url, {name: each.address for name, each in others.items()}, tmp_path / "log"
    )
    for killed_at in (500, 2500, 4500):
        others["social"].events = events[: killed_at + 1000]
        process.start()
        client = Client(process, others["auth"].token(AUTHOR))
        await client.until("social", killed_at)
        await client.channel.close()
        process.end(signal.SIGKILL)
    others["social"].events = events
    process.start()
    client = Client(process, others["auth"].token(AUTHOR))
    await client.until("social", 6000)
    assert (await client.stats()).total.likes == 6000
    await client.channel.close()
    assert process.end(signal.SIGTERM) == 0


async def test_without_its_store_it_says_so_and_the_status_answers(
    others: dict[str, Owners], redis_url: str, tmp_path: Path
) -> None:
    others["social"].events = some_events(3, author_id=AUTHOR)
    url = "clickhouse://default@127.0.0.1:1/none"
    process = Process(url, redis_url, {name: each.address for name, each in others.items()}, tmp_path / "log")
    process.start()
    client = Client(process, others["auth"].token(AUTHOR))
    assert (await client.positions())["social"][0] == 0
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.stats()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await client.channel.close()
    assert process.end(signal.SIGTERM) == 0
