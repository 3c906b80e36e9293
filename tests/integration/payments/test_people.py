"""What payments learns of people: who is gone is paid no more, nor who blocked the sender."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from daira.events.v1 import events_pb2
from services.chassis.cursors import CursorMoved, PostgresCursorStore
from services.chassis.errors import AppError
from services.chassis.postgres import PostgresPool
from services.chassis.stream_event import StreamEvent
from services.payments.adapters.postgres.people import PostgresPeople
from services.payments.domain.top_ups import TopUpOrder, TopUpState
from tests.integration.payments.taking_top_ups import taking
from tests.integration.payments.test_postings import give

FAN, CREATOR = 7_201, 7_202
TIP = "SELECT outcome FROM post_tip($1, $2, 300, 15, 2, 0, $3, 'h', '')"


def told(*kinds: tuple[str, int, int]) -> list[StreamEvent]:
    """A log of (kind, actor, aggregate)."""
    events = []
    for pos, (kind, actor, aggregate) in zip(itertools.count(1), kinds, strict=False):
        event = events_pb2.Event(pos=pos, actor_id=actor, aggregate_id=aggregate)
        getattr(event, kind).SetInParent()
        events.append(StreamEvent(pos, event.SerializeToString()))
    return events


async def test_who_blocked_the_sender_takes_nothing_of_them(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    people = PostgresPeople(ledger_pool, "test")
    await PostgresCursorStore(ledger_pool, "test").load()
    log = told(("user_blocked", CREATOR, FAN), ("user_unblocked", CREATOR, FAN), ("user_blocked", CREATOR, FAN),
               ("post_liked", FAN, 5), ("user_unblocked", CREATOR, FAN))  # fmt: skip
    await people.apply(log[:3])
    assert await ledger_pool.fetchval(TIP, FAN, CREATOR, "a") == "closed"
    assert await ledger_pool.fetchval(TIP, CREATOR, FAN, "a") == "insufficient"
    with pytest.raises(CursorMoved):
        await people.apply(log[:3])
    await people.apply(log[3:])
    assert await ledger_pool.fetchval(TIP, FAN, CREATOR, "b") == "posted"


async def test_who_is_gone_is_paid_no_more(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    people = PostgresPeople(ledger_pool, "test")
    await PostgresCursorStore(ledger_pool, "test").load()
    # Also somebody who never had a wallet.
    await people.apply(told(("account_deleted", 0, CREATOR), ("account_deleted", 0, CREATOR)))
    assert await ledger_pool.fetchval(TIP, FAN, CREATOR, "a") == "closed"


async def test_no_money_moves_by_who_is_gone_and_what_was_under_way_is_booked(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    people = PostgresPeople(ledger_pool, "test")
    await PostgresCursorStore(ledger_pool, "test").load()
    take, finish = taking(ledger_pool)
    order = TopUpOrder(FAN, 717, "before", b"body")
    # Its answer is lost: the provider has the money, and nobody knows.
    under_way = await take(order)
    assert under_way.state is TopUpState.PENDING
    await people.apply(told(("account_deleted", 0, FAN)))
    assert await ledger_pool.fetchval(TIP, FAN, CREATOR, "a") == "closed"
    assert await ledger_pool.fetchval("SELECT outcome FROM place_hold($1, 100, 'payout', 5, NULL)", FAN) == "closed"
    for _ in range(2):
        with pytest.raises(AppError) as caught:
            await take(replace(order, key="later"))
        assert caught.value.reason == "RECIPIENT_UNAVAILABLE"
    # The provider has the money of the first one: it is in the books whoever is gone.
    await ledger_pool.execute(
        "UPDATE sagas SET wake_at = now(), changed_at = now() - interval '1 day' WHERE ended_at IS NULL"
    )
    assert await finish() == 1
    assert await take(order) == replace(under_way, state=TopUpState.SUCCEEDED, balance=10_717)
    assert await ledger_pool.fetchval("SELECT count(*) FROM accounts WHERE id = $1 AND closed_at IS NOT NULL", FAN) == 1
