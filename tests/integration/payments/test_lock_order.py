"""Locks are taken in one order by all, accounts by id and then holds, so that nobody waits in a circle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

from services.chassis.postgres import PostgresConnection, PostgresPool
from tests.integration.payments.test_holds_and_transfers import CREATOR, FAN, hold
from tests.integration.payments.test_postings import give
from tests.integration.payments.test_saga_races import waiting_for_a_lock

CAPTURE = """
    SELECT outcome FROM post_transfer('payout', $1, $1, 100, 0, 0, 0, 'k', 'b', ARRAY[$1, -6]::bigint[],
        ARRAY[-100, 100], $2, 0, 'transfer_posted', '')
"""
PAY = """
    SELECT outcome FROM post_transfer('payout', $1, $1, 600, 0, 0, 0, $2, 'b', ARRAY[$1, -6]::bigint[],
        ARRAY[-600, 600], 0, 0, 'transfer_posted', '')
"""
LOCK = "SELECT FROM accounts WHERE id = $1 FOR NO KEY UPDATE"


@asynccontextmanager
async def after_the_lock_of(
    pool: PostgresPool, account: int, work: Awaitable[Any]
) -> AsyncIterator[tuple[PostgresConnection, asyncio.Future[Any]]]:
    """A transaction that has the lock of an account, which `work` waits for."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(LOCK, account)
        waits = asyncio.ensure_future(work)
        await waiting_for_a_lock(pool)
        yield connection, waits


async def test_freeing_a_hold_waits_for_its_wallet_first(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 1_000)
    placed = (await hold(ledger_pool, 100, 1))["hold_id"]
    release = ledger_pool.fetchval("SELECT release_hold($1)", placed)
    async with after_the_lock_of(ledger_pool, FAN, release) as (connection, waits):
        assert await connection.fetchval(CAPTURE, FAN, placed) == "posted"
    assert await waits == "captured"


async def test_holds_that_end_together_are_freed_in_the_order_of_wallets(ledger_pool: PostgresPool) -> None:
    for number, account in enumerate((FAN, CREATOR), 1):
        await give(ledger_pool, account, 1_000)
        # That of the higher account ended first.
        assert (await hold(ledger_pool, 100, number, f"-{number} minutes", account))["outcome"] == "held"
    expire = ledger_pool.fetchval("SELECT expire_holds(10)")
    async with after_the_lock_of(ledger_pool, FAN, expire) as (connection, waits):
        await connection.execute(LOCK, CREATOR)
    assert await waits == 2


async def test_who_waits_for_a_wallet_is_told_of_what_is_left_then(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 1_000)
    async with ledger_pool.acquire() as connection, connection.transaction():
        assert await connection.fetchval(PAY, FAN, "one") == "posted"
        others = [asyncio.ensure_future(ledger_pool.fetchval(PAY, FAN, key)) for key in ("one", "two")]
        await waiting_for_a_lock(ledger_pool)
        await asyncio.wait(others, timeout=0.2)
    assert await asyncio.gather(*others) == ["replayed", "insufficient"]
