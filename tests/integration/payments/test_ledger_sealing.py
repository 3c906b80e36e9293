"""Sealing beside postings: late commits, two sealers, what was there before, and sealers that are killed."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable

import pytest

from services.chassis.migrations import upgrade
from services.chassis.postgres import PostgresPool, create_pool
from services.payments.adapters.postgres.tip_ledger import PostgresTipLedger
from services.payments.migrate import SCRIPTS
from tests.integration.payments.sealed_ledger import AHMED, MONA, SALMA, deposit, seal_all, sealer, tips, verify
from tests.integration.payments.test_postings import FAN, give, posting
from tests.stores import ROOT

KILLS = 3


async def test_a_transfer_that_commits_late_is_sealed_late(ledger_pool: PostgresPool) -> None:
    await deposit(ledger_pool, AHMED, 100_000)
    await deposit(ledger_pool, SALMA, 100_000)
    async with ledger_pool.acquire() as slow:
        waiting = slow.transaction()
        await waiting.start()
        early = await tips(slow, [(AHMED, MONA)], 1_000)
        later = await deposit(ledger_pool, SALMA, 2_000)
        assert later > early[0]
        # What came after it must wait as well: nothing can then come before what is sealed.
        assert await seal_all(ledger_pool) == 2
        lag = await sealer(ledger_pool).lag()
        assert (lag.transfers, lag.sealed_rows) == (1, 6)
        await waiting.commit()
    assert await seal_all(ledger_pool) == 2
    assert await ledger_pool.fetchval("SELECT transfer_ids FROM ledger_seals WHERE pos = 2") == [early[0], later]
    verdict = await verify(ledger_pool)
    assert (verdict.findings, verdict.unsealed) == ([], 0)


async def test_several_sealers_beside_postings_seal_each_transfer_once(ledger_pool: PostgresPool) -> None:
    people = range(8_000_000, 8_000_008)
    for person in people:
        await deposit(ledger_pool, person, 1_000_000)
    done = asyncio.Event()

    async def pay(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(25):
            one, other = chance.sample(people, 2)
            await tips(ledger_pool, [(one, other)], chance.randrange(100, 900))

    async def seal() -> None:
        while not done.is_set():
            await sealer(ledger_pool).seal(7)
            await sealer(ledger_pool).add_checkpoint()

    sealers = [asyncio.create_task(seal()) for _ in range(3)]
    await asyncio.gather(*(pay(seed) for seed in range(4)))
    done.set()
    await asyncio.gather(*sealers)
    await seal_all(ledger_pool)
    sealed = [row[0] for row in await ledger_pool.fetch("SELECT unnest(transfer_ids) FROM ledger_seals")]
    assert len(sealed) == len(set(sealed)) == 8 + 100
    assert (await verify(ledger_pool)).findings == []


async def test_what_was_there_before_is_sealed_first(postgres_database: Callable[[str], str]) -> None:
    url = postgres_database("payments_of_before")
    await upgrade(url, SCRIPTS, lock_key="payments-migrations", revision="0012")
    pool = await create_pool(url, application_name="before")
    await give(pool, FAN, 10_000)
    for number in range(5):
        await PostgresTipLedger(pool).post_all([posting(500, f"before-{number}")])
    await pool.close()
    await upgrade(url, SCRIPTS, lock_key="payments-migrations")
    pool = await create_pool(url, application_name="after")
    await PostgresTipLedger(pool).post_all([posting(500, "after")])
    assert await seal_all(pool, batch=3) == 7
    sealed = await pool.fetch("SELECT id FROM ledger_seals, unnest(transfer_ids) AS id ORDER BY pos")
    assert [row[0] for row in sealed] == [row[0] for row in await pool.fetch("SELECT id FROM transfers ORDER BY id")]
    assert (await verify(pool)).findings == []
    await pool.close()


@pytest.mark.faults
async def test_a_sealer_that_is_killed_leaves_a_whole_chain(migrated_database: Callable[[str], str]) -> None:
    url = migrated_database("payments")
    pool = await create_pool(url, application_name="test", min_size=1, max_size=4)
    await deposit(pool, AHMED, 10_000_000)
    chance = random.Random(5)
    for _ in range(KILLS):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.payments.endless_sealer", url, cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert await process.stdout.readline() == b"sealing\n"
        end = asyncio.get_running_loop().time() + chance.uniform(0.05, 0.3)
        while asyncio.get_running_loop().time() < end:
            await tips(pool, [(AHMED, MONA)], 500)
        process.kill()
        await process.wait()
        assert (await verify(pool)).findings == []
    seals_before = await pool.fetchval("SELECT last_pos FROM ledger_seal_state")
    assert seals_before > KILLS
    await seal_all(pool)
    verdict = await verify(pool)
    assert (verdict.findings, verdict.unsealed) == ([], 0)
    rows = [await pool.fetchval(f"SELECT count(*) FROM {table}") for table in ("transfers", "entries")]
    assert verdict.rows == sum(rows)
    await pool.close()
