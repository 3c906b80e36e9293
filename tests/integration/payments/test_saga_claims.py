"""Who may work on a saga and when: leases under epochs, transitions that are fenced, signals that wake."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.chassis.postgres import PostgresPool
from services.payments.adapters.postgres.sagas import PostgresSagas
from services.payments.application.saga_ports import FencedError
from services.payments.domain.payout_machine import CANCEL
from services.payments.domain.saga import Move
from tests.integration.payments.test_payout_saga import begin
from tests.integration.payments.test_saga_races import during, is_due, waiting_for_a_lock

ADVANCE = """
    SELECT advance_saga($1, $2, $3, 'scheduled', 'a test', '{}', clock_timestamp() + interval '1 hour', 0, $4, '')
"""


async def several(pool: PostgresPool, count: int) -> list[int]:
    """Sagas that are due, the oldest first."""
    sagas = [(await begin(pool, key=f"k{number}"))[1] for number in range(count)]
    for number, saga_id in enumerate(sagas):
        wake = "UPDATE sagas SET wake_at = clock_timestamp() - make_interval(secs => $2) WHERE id = $1"
        await pool.execute(wake, saga_id, float(count - number))
    return sagas


async def advance(
    pool: PostgresPool, saga_id: int, *, epoch: int = 1, version: int = 1, taken: tuple[int, ...] = ()
) -> Any:
    return await pool.fetchval(ADVANCE, saga_id, epoch, version, list(taken))


async def test_each_is_claimed_by_one_and_the_oldest_first(ledger_pool: PostgresPool) -> None:
    sagas = await several(ledger_pool, 8)
    stores = [PostgresSagas(ledger_pool, runner=f"r{number}", lease_s=30) for number in range(4)]
    first = await stores[0].claim(2)
    assert {saga.saga_id for saga in first} == set(sagas[:2])
    claims = await asyncio.gather(*(store.claim(3) for store in stores))
    found = sorted(saga.saga_id for claim in claims for saga in claim)
    assert found == sagas[2:]
    assert {saga.epoch for claim in (first, *claims) for saga in claim} == {1}
    assert await stores[0].claim(8) == []
    await ledger_pool.execute("UPDATE sagas SET lease_until = clock_timestamp() WHERE id = $1", sagas[5])
    assert [(saga.saga_id, saga.epoch) for saga in await stores[3].claim(8)] == [(sagas[5], 2)]


async def test_one_that_somebody_works_on_is_passed_over_and_waited_for_by_nobody(ledger_pool: PostgresPool) -> None:
    sagas = await several(ledger_pool, 3)
    store = PostgresSagas(ledger_pool, runner="r", lease_s=30)
    async with ledger_pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM sagas WHERE id = $1 FOR UPDATE", sagas[0])
        async with asyncio.timeout(5):
            assert sorted(saga.saga_id for saga in await store.claim(8)) == sagas[1:]


async def test_what_is_not_due_or_has_ended_is_nobodys(ledger_pool: PostgresPool) -> None:
    asleep, ended, due = await several(ledger_pool, 3)
    await ledger_pool.execute("UPDATE sagas SET wake_at = clock_timestamp() + interval '1 hour' WHERE id = $1", asleep)
    end = "UPDATE sagas SET ended_at = clock_timestamp(), wake_at = NULL WHERE id = $1"
    await ledger_pool.execute(end, ended)
    store = PostgresSagas(ledger_pool, runner="r", lease_s=30)
    assert [saga.saga_id for saga in await store.claim(8)] == [due]
    assert await store.claim_one(asleep) is None
    assert await store.claim_one(ended) is None
    assert await store.claim_one(due) is None


@pytest.mark.parametrize("spoil", [
    "epoch = epoch + 1", "version = version + 1", "lease_until = clock_timestamp()", "lease_until = NULL",
    "ended_at = clock_timestamp(), wake_at = NULL",
])  # fmt: skip
async def test_what_was_decided_on_something_else_is_void(ledger_pool: PostgresPool, spoil: str) -> None:
    store, saga_id = await begin(ledger_pool)
    assert len(await store.claim(1)) == 1
    await ledger_pool.execute(f"UPDATE sagas SET {spoil} WHERE id = $1", saga_id)
    before = await ledger_pool.fetchval("SELECT s::text FROM sagas s WHERE id = $1", saga_id)
    assert await advance(ledger_pool, saga_id) is False
    assert await ledger_pool.fetchval("SELECT s::text FROM sagas s WHERE id = $1", saga_id) == before


async def test_two_that_decided_on_the_same_advance_it_once(ledger_pool: PostgresPool) -> None:
    store, saga_id = await begin(ledger_pool)
    saga = (await store.claim(1))[0]
    assert sorted(await asyncio.gather(*(advance(ledger_pool, saga_id) for _ in range(6)))) == [False] * 5 + [True]
    steps = await ledger_pool.fetch("SELECT number, to_state FROM saga_steps WHERE saga_id = $1 ORDER BY 1", saga_id)
    assert [tuple(step) for step in steps] == [(1, "requested"), (2, "scheduled")]
    told = "SELECT count(*) FROM events WHERE kind = 'saga_advanced' AND aggregate_id = $1"
    assert await ledger_pool.fetchval(told, saga_id) == 2
    with pytest.raises(FencedError):
        await store.advance(saga, Move("refused", "late", None))


async def test_who_waits_for_another_transition_decides_anew(ledger_pool: PostgresPool) -> None:
    store, saga_id = await begin(ledger_pool)
    await store.claim(1)
    other = "UPDATE sagas SET version = version + 1 WHERE id = $1"
    assert await during(ledger_pool, other, (saga_id,), advance(ledger_pool, saga_id)) is False


async def test_a_signal_wakes_is_taken_once_and_is_for_the_living(ledger_pool: PostgresPool) -> None:
    store, saga_id = await begin(ledger_pool)
    saga = (await store.claim(1))[0]
    await store.sleep(saga, datetime.now(UTC) + timedelta(days=1))
    assert await store.signal(saga_id, CANCEL, "once", {})
    assert await store.signal(saga_id, CANCEL, "once", {})
    assert await is_due(ledger_pool, saga_id)
    saga = (await store.claim(1))[0]
    assert [signal.name for signal in saga.signals] == [CANCEL]
    soon = datetime.now(UTC) + timedelta(hours=1)
    assert (await store.advance(saga, Move("scheduled", "x", soon, taken=(saga.signals[0].signal_id,)))).is_good
    assert not await is_due(ledger_pool, saga_id)
    saga = await store.load(saga)
    assert saga.signals == ()
    assert (await store.advance(saga, Move("cancelled", "x", None))).is_good
    assert not await store.signal(saga_id, CANCEL, "late", {})
    assert await ledger_pool.fetchval("SELECT count(*) FROM saga_signals WHERE saga_id = $1", saga_id) == 1


async def test_a_signal_that_comes_during_a_transition_is_not_slept_over(ledger_pool: PostgresPool) -> None:
    store, saga_id = await begin(ledger_pool)
    await store.claim(1)
    work = advance(ledger_pool, saga_id)
    assert await during(ledger_pool, "SELECT signal_saga($1, $2, 'k', '{}')", (saga_id, CANCEL), work) is True
    assert await is_due(ledger_pool, saga_id)


async def test_a_signal_waits_for_the_transition_that_ends_its_saga(ledger_pool: PostgresPool) -> None:
    store, saga_id = await begin(ledger_pool)
    await store.claim(1)
    async with ledger_pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        end = "SELECT advance_saga($1, 1, 1, 'refused', 'a test', '{}', NULL, 0, ARRAY[]::bigint[], '')"
        assert await connection.fetchval(end, saga_id) is True
        signal = asyncio.ensure_future(store.signal(saga_id, CANCEL, "k", {}))
        await waiting_for_a_lock(ledger_pool)
        await transaction.commit()
    assert await signal is False
    assert await ledger_pool.fetchval("SELECT count(*) FROM saga_signals") == 0


async def test_sleep_is_only_for_who_has_it(ledger_pool: PostgresPool) -> None:
    store, saga_id = await begin(ledger_pool)
    zombie = (await store.claim(1))[0]
    await ledger_pool.execute("UPDATE sagas SET lease_until = clock_timestamp() WHERE id = $1", saga_id)
    heir = (await store.claim(1))[0]
    await store.sleep(zombie, datetime.now(UTC) + timedelta(days=1))
    assert await ledger_pool.fetchval("SELECT lease_until > clock_timestamp() FROM sagas WHERE id = $1", saga_id)
    await store.sleep(heir, datetime.now(UTC))
    assert await ledger_pool.fetchval("SELECT lease_until IS NULL FROM sagas WHERE id = $1", saga_id)
    assert len(await store.claim(1)) == 1
