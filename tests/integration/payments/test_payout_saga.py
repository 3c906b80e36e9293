"""Payouts on a real database: paid once, put back when they come back, fenced when a runner slept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from services.chassis.clock import SystemClock
from services.chassis.postgres import PostgresPool
from services.payments.adapters.postgres.sagas import PostgresSagas
from services.payments.application.run_sagas import RunSagas
from services.payments.application.saga_ports import FencedError, NewSaga, StartOutcome
from services.payments.domain.payout_machine import CANCEL, PAYOUT, PayoutMachine
from services.payments.domain.providers import NO_ANSWER, Operation, OperationState, ProviderAnswer
from services.payments.domain.saga import Move
from tests.integration.payments.test_postings import give

CREATOR = 5_001
AMOUNT = 30_000
SUCCEEDED = ProviderAnswer(OperationState.SUCCEEDED, "p-1")
NEVER_SEEN = replace(NO_ANSWER, never_seen=True)


class ScriptedProvider:
    """Says what it was given, in turn, and remembers what it was asked."""

    def __init__(self, *answers: ProviderAnswer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    async def send(self, operation: Operation) -> ProviderAnswer:
        self.asked.append(("send", operation.reference))
        return self.answers.pop(0)

    async def inquire(self, operation: Operation) -> ProviderAnswer:
        self.asked.append(("inquire", operation.reference))
        return self.answers.pop(0)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def machine_at(now: datetime) -> PayoutMachine:
    """Batches leave a minute before now."""
    from services.payments.domain.cairo import CAIRO

    local = (now + timedelta(minutes=1)).astimezone(CAIRO)
    return PayoutMachine(batch_at=time(local.hour, local.minute))


async def begin(pool: PostgresPool, amount: int = AMOUNT, key: str = "k") -> tuple[PostgresSagas, int]:
    await pool.execute("INSERT INTO known_people VALUES ($1, 1) ON CONFLICT DO NOTHING", CREATOR)
    store = PostgresSagas(pool, runner="one", lease_s=30)
    data: Mapping[str, int | str] = {"amount": amount, "rail": "bank", "destination_id": 7}
    outcome, saga_id = await store.start(NewSaga(PAYOUT, CREATOR, key, b"body", "requested", data))
    assert outcome is StartOutcome.STARTED
    return store, saga_id


async def run_until(
    pool: PostgresPool, store: PostgresSagas, provider: ScriptedProvider, saga_id: int, state: str
) -> None:
    run = RunSagas(store, provider, [PayoutMachine()], SystemClock(), provider_timeout_s=1)
    for _ in range(10):
        await run()
        found = await pool.fetchval("SELECT state FROM sagas WHERE id = $1", saga_id)
        if found == state:
            return
        # Time is the database's: what waits is made due, and older.
        await pool.execute(
            "UPDATE sagas SET wake_at = clock_timestamp() - interval '1 s', changed_at = changed_at - interval '3 days'"
            " WHERE id = $1 AND ended_at IS NULL",
            saga_id,
        )
    raise AssertionError(f"it is {found}")


async def wallet(pool: PostgresPool) -> tuple[int, int]:
    row = await pool.fetchrow("SELECT posted, held FROM accounts WHERE id = $1", CREATOR)
    assert row is not None
    return row["posted"], row["held"]


async def test_a_payout_is_held_and_paid(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, CREATOR, 50_000)
    store, saga_id = await begin(ledger_pool)
    provider = ScriptedProvider(NO_ANSWER, SUCCEEDED)
    await run_until(ledger_pool, store, provider, saga_id, "scheduled")
    assert await wallet(ledger_pool) == (50_000, AMOUNT)
    await run_until(ledger_pool, store, provider, saga_id, "paid")
    assert await wallet(ledger_pool) == (20_000, 0)
    assert len({reference for _, reference in provider.asked}) == 1
    assert [verb for verb, _ in provider.asked] == ["send", "inquire"]
    await run_until(ledger_pool, store, provider, saga_id, "completed")


async def test_without_being_known_nobody_is_paid_out(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, CREATOR, 50_000)
    store, saga_id = await begin(ledger_pool)
    await ledger_pool.execute("DELETE FROM known_people")
    await run_until(ledger_pool, store, ScriptedProvider(), saga_id, "refused")
    assert await wallet(ledger_pool) == (50_000, 0)
    assert await ledger_pool.fetchval("SELECT reason FROM sagas WHERE id = $1", saga_id) == "each"


async def test_what_came_back_is_put_back(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, CREATOR, 50_000)
    store, saga_id = await begin(ledger_pool)
    provider = ScriptedProvider(NO_ANSWER, NEVER_SEEN, ProviderAnswer(OperationState.RETURNED, "p-1", "closed account"))
    await run_until(ledger_pool, store, provider, saga_id, "returned")
    assert await wallet(ledger_pool) == (50_000, 0)
    kinds = [row[0] for row in await ledger_pool.fetch("SELECT kind FROM transfers WHERE kind <> 'top_up' ORDER BY id")]
    assert kinds == ["payout", "payout_return"]


async def test_a_payout_is_taken_back_before_its_batch(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, CREATOR, 50_000)
    store, saga_id = await begin(ledger_pool)
    await run_until(ledger_pool, store, ScriptedProvider(), saga_id, "scheduled")
    assert await store.signal(saga_id, CANCEL, "once", {})
    await run_until(ledger_pool, store, ScriptedProvider(), saga_id, "cancelled")
    assert await wallet(ledger_pool) == (50_000, 0)
    assert not await store.signal(saga_id, CANCEL, "twice", {})


async def test_a_runner_that_slept_changes_nothing(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, CREATOR, 50_000)
    store, saga_id = await begin(ledger_pool)
    zombie = (await store.claim(1))[0]
    await ledger_pool.execute("UPDATE sagas SET lease_until = clock_timestamp() WHERE id = $1", saga_id)
    other = PostgresSagas(ledger_pool, runner="two", lease_s=30)
    provider = ScriptedProvider(SUCCEEDED)
    await run_until(ledger_pool, other, provider, saga_id, "scheduled")
    with pytest.raises(FencedError):
        await store.advance(zombie, Move("refused", "late", None))
    assert await wallet(ledger_pool) == (50_000, AMOUNT)
