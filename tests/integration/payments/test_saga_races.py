"""What comes between a saga's steps: news while it falls asleep, words of a provider that disagree, broken rules."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.chassis.clock import SystemClock
from services.chassis.postgres import PostgresPool
from services.payments.adapters.postgres.sagas import PostgresSagas
from services.payments.application.run_sagas import RunSagas
from services.payments.application.saga_ports import FencedError, Providers
from services.payments.domain.payout_machine import CANCEL, PAYOUT
from services.payments.domain.providers import NO_ANSWER, Operation, OperationState, ProviderAnswer
from services.payments.domain.saga import Move, Saga
from tests.integration.payments.test_holds_and_transfers import CLEARING, CREATOR, FAN, post
from tests.integration.payments.test_payout_saga import (
    AMOUNT,
    NEVER_SEEN,
    SUCCEEDED,
    ScriptedProvider,
    begin,
    run_until,
    wallet,
)
from tests.integration.payments.test_payout_saga import CREATOR as PAYEE
from tests.integration.payments.test_postings import give

LATER = timedelta(days=14)
SAYS = "UPDATE provider_operations SET state = $2, settled_at = clock_timestamp() WHERE saga_id = $1"


async def waiting_for_a_lock(pool: PostgresPool) -> None:
    """Returns when a statement waits for somebody's lock."""
    async with asyncio.timeout(10):
        while not await pool.fetchval(  # noqa: ASYNC110 - another connection
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ):
            await asyncio.sleep(0.005)


async def during(pool: PostgresPool, first: str, arguments: tuple[Any, ...], second: Awaitable[Any]) -> Any:
    """`second` begins while the transaction of `first` is open, waits for it, and ends after it."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(first, *arguments)
        task = asyncio.ensure_future(second)
        await waiting_for_a_lock(pool)
        await transaction.commit()
        return await task


async def is_due(pool: PostgresPool, saga_id: int) -> bool:
    return bool(await pool.fetchval("SELECT wake_at <= clock_timestamp() FROM sagas WHERE id = $1", saga_id))


async def test_a_signal_that_comes_while_it_falls_asleep_wakes_it(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, PAYEE, 50_000)
    store, saga_id = await begin(ledger_pool)
    saga = (await store.claim(1))[0]
    asleep = store.sleep(saga, datetime.now(UTC) + LATER)
    await during(ledger_pool, "SELECT signal_saga($1, $2, 'k', '{}')", (saga_id, CANCEL), asleep)
    assert await is_due(ledger_pool, saga_id)


async def sent(pool: PostgresPool) -> tuple[PostgresSagas, int]:
    """A payout whose provider did not answer yet."""
    await give(pool, PAYEE, 50_000)
    store, saga_id = await begin(pool)
    await run_until(pool, store, ScriptedProvider(NO_ANSWER), saga_id, "scheduled")
    await run_until(pool, store, ScriptedProvider(NO_ANSWER), saga_id, "waiting")
    return store, saga_id


async def make_due(pool: PostgresPool, saga_id: int) -> None:
    await pool.execute("UPDATE sagas SET wake_at = clock_timestamp(), lease_until = NULL WHERE id = $1", saga_id)


async def test_a_word_of_the_provider_while_it_falls_asleep_wakes_it(ledger_pool: PostgresPool) -> None:
    store, saga_id = await sent(ledger_pool)
    await make_due(ledger_pool, saga_id)
    saga = (await store.claim(1))[0]
    await ledger_pool.execute(SAYS, saga_id, "returned")
    await store.sleep(saga, datetime.now(UTC) + LATER)
    assert await is_due(ledger_pool, saga_id)
    saga = (await store.claim(1))[0]
    await store.sleep(saga, datetime.now(UTC) + LATER)
    assert not await is_due(ledger_pool, saga_id)


@pytest.mark.parametrize(
    ("told", "stale", "end", "left"),
    [
        # A callback told that it came back; the inquiry still says what it said before that.
        ("returned", SUCCEEDED, "returned", 50_000),
        ("returned", NO_ANSWER, "returned", 50_000),
        ("succeeded", ProviderAnswer(OperationState.DECLINED), "paid", 50_000 - AMOUNT),
        ("succeeded", NEVER_SEEN, "paid", 50_000 - AMOUNT),
        ("declined", SUCCEEDED, "declined", 50_000),
    ],
)
async def test_what_a_callback_told_first_is_what_happens(
    ledger_pool: PostgresPool, told: str, stale: ProviderAnswer, end: str, left: int
) -> None:
    store, saga_id = await sent(ledger_pool)
    # Its runner died when it had sent it anew; the next one finds what the callback told.
    await ledger_pool.execute("UPDATE sagas SET state = 'sending' WHERE id = $1", saga_id)
    await ledger_pool.execute(SAYS, saga_id, told)
    await make_due(ledger_pool, saga_id)
    await run_until(ledger_pool, store, ScriptedProvider(stale, stale, stale), saga_id, end)
    assert await wallet(ledger_pool) == (left, 0)
    assert await ledger_pool.fetchval("SELECT state FROM provider_operations WHERE saga_id = $1", saga_id) == told


@pytest.mark.parametrize("told", ["succeeded", "declined", "returned"])
async def test_an_answer_that_knows_less_forgets_nothing(ledger_pool: PostgresPool, told: str) -> None:
    store, saga_id = await sent(ledger_pool)
    await ledger_pool.execute(SAYS, saga_id, told)
    await make_due(ledger_pool, saga_id)
    saga = (await store.claim(1))[0]
    for answer in (NO_ANSWER, ProviderAnswer(OperationState.PENDING)):
        soon = Move("waiting", "nobody knows", datetime.now(UTC))
        assert (await store.advance(saga, soon, (saga.operations[PAYOUT], answer))).is_good
        known = "SELECT state, settled_at IS NOT NULL FROM provider_operations WHERE saga_id = $1"
        row = await ledger_pool.fetchrow(known, saga_id)
        assert row is not None
        assert tuple(row) == (told, True)


async def test_who_gave_the_lease_back_changes_nothing(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, PAYEE, 50_000)
    store, saga_id = await begin(ledger_pool)
    saga = (await store.claim(1))[0]
    await store.sleep(saga, datetime.now(UTC))
    with pytest.raises(FencedError):
        await store.advance(saga, Move("refused", "late", None))
    assert await ledger_pool.fetchval("SELECT state FROM sagas WHERE id = $1", saga_id) == "requested"


class BreaksRules:
    """Asks the ledger for what no ledger may do."""

    kind = PAYOUT

    def next(self, saga: Saga, now: datetime) -> Move:
        from services.payments.domain.saga import PlaceHold

        if saga.text("rail") == "bank":
            return Move("scheduled", "wrong", now, (PlaceHold(saga.subject_id, -5, PAYOUT),))
        return Move("completed", "right", None)

    def refused(self, saga: Saga, outcome: object, now: datetime) -> Move:
        raise AssertionError((saga, outcome, now))

    def answered(self, saga: Saga, operation: Operation, answer: ProviderAnswer, now: datetime) -> Move:
        raise AssertionError((saga, operation, answer, now))


async def test_a_saga_that_breaks_a_rule_is_stuck_says_why_and_stops_no_other(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, PAYEE, 50_000)
    store, wrong = await begin(ledger_pool)
    _, right = await begin(ledger_pool, key="other")
    await ledger_pool.execute("UPDATE sagas SET data = jsonb_set(data, '{rail}', '\"mobile\"') WHERE id = $1", right)
    nobody: Providers = ScriptedProvider()
    assert await RunSagas(store, nobody, [BreaksRules()], SystemClock(), provider_timeout_s=1)() == 2
    rows = await ledger_pool.fetch("SELECT id, state, reason, lease_until, wake_at FROM sagas ORDER BY id")
    found = {row["id"]: row for row in rows}
    assert found[right]["state"] == "completed"
    assert found[wrong]["state"] == "requested"
    assert found[wrong]["reason"].startswith("stuck: CheckViolationError")
    assert found[wrong]["lease_until"] is None
    assert not await is_due(ledger_pool, wrong)
    assert await wallet(ledger_pool) == (50_000, 0)


async def test_taken_back_from_a_wallet_and_from_a_debt_at_once_is_not_too_much(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 1_000)
    top_up = await ledger_pool.fetchval("SELECT id FROM transfers WHERE actor_id = $1", FAN)
    async with ledger_pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        sql = (
            "SELECT outcome FROM post_transfer('chargeback', $1, $1, 600, 0, 0, 0, 'one', 'h', ARRAY[$1, $2]::bigint[],"
            " ARRAY[-600, 600]::bigint[], 0, $3, 'transfer_posted', '')"
        )
        assert await connection.fetchval(sql, FAN, CLEARING, top_up) == "posted"
        legs = [(-FAN, -600), (CLEARING, 600)]
        other = asyncio.ensure_future(post(ledger_pool, "chargeback", FAN, legs, key="two", reverses=top_up))
        await asyncio.wait({other}, timeout=0.3)
        await transaction.commit()
    assert (await other)[0] == "exceeds_original"
    assert (await post(ledger_pool, "chargeback", FAN, [(-FAN, -400), (CLEARING, 400)], key="rest", reverses=top_up))[
        0
    ] == "posted"


async def test_a_hold_is_captured_only_with_a_leg_of_its_wallet(ledger_pool: PostgresPool) -> None:
    import asyncpg

    from tests.integration.payments.test_holds_and_transfers import hold

    await give(ledger_pool, FAN, 1_000)
    await give(ledger_pool, CREATOR, 1_000)
    placed = (await hold(ledger_pool, 600, 1))["hold_id"]
    with pytest.raises(asyncpg.DataError, match="no leg"):
        await post(ledger_pool, "payout", CREATOR, [(CREATOR, -600), (CLEARING, 600)], hold=placed)
