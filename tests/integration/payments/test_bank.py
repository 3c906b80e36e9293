"""The bank test: everybody moves money while processes and the database are killed, and readers never see it wrong.

BANK_SECONDS says for how long (a few by default), BANK_SEED in which order.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc.aio
import pytest

from dev.stores.postgres_server import EmbeddedPostgres
from services.chassis.postgres import PostgresPool, create_pool
from services.payments.adapters.postgres.ledger_upkeep import check_ledger
from tests.integration.payments.bank import Payees, Readers, Tippers, Writers, stop_immediately
from tests.integration.payments.processes import Caller, PaymentsProcess, StandInAuth
from tests.integration.payments.runners import Runners, away_or, migrate, until
from tests.integration.payments.saga_runner import Order
from tests.integration.payments.test_postings import give

PEOPLE = range(9_001, 9_009)
GIVEN = 100_000
SECONDS = float(os.environ.get("BANK_SECONDS", "2"))
SEED = int(os.environ.get("BANK_SEED", "1"))
PLENTY = """
    INSERT INTO limits SELECT rail, level, '2026-01-01', 1, 10 ^ 9, 10 ^ 12, 10 ^ 12, 10 ^ 9, 'a test'
    FROM unnest(ARRAY['tip', 'mobile_payout']) AS rail, generate_series(0, 2) AS level
"""
pytestmark = pytest.mark.faults


class Attack:
    """Kills what is there, in a random order, and starts it again while the next is killed already."""

    def __init__(self, server: EmbeddedPostgres, services: list[PaymentsProcess], runners: Runners) -> None:
        self.server = server
        self.services = services
        self.runners = runners
        self.starting: dict[PaymentsProcess, asyncio.Task[None]] = {}
        self.count = 0

    async def run(self, seconds: float, rng: random.Random) -> None:
        """Every way at least once."""
        clock = asyncio.get_running_loop()
        end = clock.time() + seconds
        ways = [lambda: self.database(immediate=False), lambda: self.database(immediate=True), self.runner,
                *(lambda s=service: self.service(s) for service in self.services)]  # fmt: skip
        while not self.count or clock.time() < end:
            for way in rng.sample(ways, len(ways)):
                await asyncio.sleep(rng.uniform(0.2, 0.7))
                await way()
                self.count += 1
        await asyncio.gather(*self.starting.values())
        await asyncio.sleep(0.5)

    async def service(self, process: PaymentsProcess) -> None:
        """SIGKILL."""
        if process in self.starting:
            await self.starting[process]
        await asyncio.to_thread(process.kill)
        self.starting[process] = asyncio.create_task(asyncio.to_thread(process.start))

    async def runner(self) -> None:
        """SIGKILL of a runner of sagas, and another one."""
        victim = self.runners.children[-1]
        victim.kill()
        await asyncio.to_thread(victim.wait, 30)
        self.start_runner()

    def start_runner(self) -> None:
        """One more."""
        order = Order(self.server.url, self.runners.provider, f"runner-{len(self.runners.children)}", answer="random")
        self.runners.start(order)

    async def database(self, *, immediate: bool) -> None:
        """An immediate stop, or SIGKILL, and a start that recovers."""
        stop = (lambda: stop_immediately(self.server)) if immediate else self.server.kill
        await asyncio.to_thread(stop)
        await asyncio.to_thread(self.server.start)


@asynccontextmanager
async def platform(
    server: EmbeddedPostgres, auth: StandInAuth, runners: Runners
) -> AsyncIterator[tuple[list[PaymentsProcess], list[list[Caller]], PostgresPool]]:
    """Two payments processes, a channel to each for everybody, and a pool for the writers."""
    await migrate(server.url)
    async with AsyncExitStack() as stack:
        pool = await create_pool(server.url, application_name="bank", min_size=1, max_size=8)
        stack.push_async_callback(pool.close)
        await pool.execute(PLENTY)
        for person in PEOPLE:
            await give(pool, person, GIVEN)
        services = [PaymentsProcess(server.url, auth, runners.folder / f"payments-{n}.log") for n in range(2)]
        await asyncio.gather(*(asyncio.to_thread(service.start) for service in services))
        for service in services:
            stack.callback(service.stop)
        options = [("grpc.max_reconnect_backoff_ms", 200), ("grpc.initial_reconnect_backoff_ms", 50)]
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(service.address, options=options))
            for service in services
        ]
        yield services, [[Caller(channel, auth, person) for person in PEOPLE] for channel in channels], pool


async def test_no_money_is_made_lost_or_stuck(
    killable_postgres: EmbeddedPostgres, stand_in_auth: StandInAuth, runners: Runners
) -> None:
    async with platform(killable_postgres, stand_in_auth, runners) as (services, callers, pool):
        attack = Attack(killable_postgres, services, runners)
        for _ in range(2):
            attack.start_runner()
        stop, no_reading = asyncio.Event(), asyncio.Event()
        readers = [Readers(killable_postgres.url) for _ in range(2)]
        tippers, writers = Tippers(callers, SEED), [Writers(pool, PEOPLE, SEED + n) for n in range(2)]
        payees = Payees(pool, PEOPLE, SEED)
        reading = [asyncio.create_task(reader.run(no_reading)) for reader in readers]
        movers = [tippers.run(stop), payees.run(stop), *(writer.run(stop) for writer in writers)]
        moving = [asyncio.create_task(mover) for mover in movers]
        await attack.run(SECONDS, random.Random(SEED))
        stop.set()
        await asyncio.wait_for(asyncio.gather(*moving), 60)
        await until(lambda: away_or(lambda: nothing_runs(pool)))
        no_reading.set()
        await asyncio.gather(*reading)

        assert [reader.wrong[:5] for reader in readers] == [[], []]
        assert min(reader.snapshots for reader in readers) > 20
        async with pool.acquire() as connection:
            assert await check_ledger(connection) == []
        await tips_are_there_once(pool, tippers)
        await writers_were_told_the_truth(pool, writers)
        await what_was_paid_is_booked(pool, payees, runners)
        assert attack.count >= 5


async def nothing_runs(pool: PostgresPool) -> bool:
    return not await pool.fetchval("SELECT count(*) FROM sagas WHERE ended_at IS NULL")


async def tips_are_there_once(pool: PostgresPool, tippers: Tippers) -> None:
    rows = await pool.fetch("SELECT * FROM transfers WHERE kind = 'tip'")
    kept = {(row["actor_id"], row["key"]): row for row in rows}
    assert len(kept) == len(rows), "a tip is there twice"
    assert len(tippers.told) > 50
    assert tippers.told.keys() <= kept.keys(), "a tip that was acknowledged is gone"
    assert kept.keys() <= tippers.told.keys() | tippers.untold.keys(), "there is a tip that nobody sent"
    for person, key in tippers.untold.keys() & kept.keys():
        recipient, amount = tippers.untold[person, key]
        assert (kept[person, key]["recipient_id"], kept[person, key]["amount"]) == (recipient, amount)
    entries = await pool.fetch("SELECT transfer_id, count(*) FROM entries WHERE account_id > 0 GROUP BY 1")
    legs = {row["transfer_id"]: row["count"] for row in entries}
    sample = random.Random(SEED).sample(sorted(tippers.told), min(len(tippers.told), 40))
    for (person, key), (recipient, amount, answer) in tippers.told.items():
        row = kept[person, key]
        assert (row["id"], row["recipient_id"], row["amount"]) == (answer.transfer_id, recipient, amount)
        assert row["balance_after"] == answer.wallet.balance_piastres
        assert legs[row["id"]] == 2
    for person, key in sample:
        recipient, amount, answer = tippers.told[person, key]
        for callers in tippers.callers:
            again = await callers[person - PEOPLE[0]].tip(recipient, amount, key)
            assert again.SerializeToString() == answer.SerializeToString()


async def writers_were_told_the_truth(pool: PostgresPool, writers: list[Writers]) -> None:
    rows = await pool.fetch("SELECT id, actor_id, key, balance_after FROM transfers WHERE kind IN ('payout', 'refund')")
    kept = {(row["actor_id"], row["key"]): (row["id"], row["balance_after"]) for row in rows}
    for writer in writers:
        assert len(writer.told) > 10
        for name, told in writer.told.items():
            assert kept[name] == told
    # A hold that was left alone has ended by itself, and no other is open.
    assert await pool.fetchval("SELECT count(*) FROM holds WHERE state = 'open' AND expires_at IS NULL") == 0


async def what_was_paid_is_booked(pool: PostgresPool, payees: Payees, runners: Runners) -> None:
    rows = await pool.fetch(
        "SELECT s.id, s.state, o.id AS operation, t.amount FROM sagas s"
        " LEFT JOIN provider_operations o ON o.saga_id = s.id"
        " LEFT JOIN transfers t ON t.kind = 'payout' AND t.key = 'payout:' || s.id"
    )
    assert {row["id"] for row in rows} == payees.started
    assert {row["state"] for row in rows} <= {"completed", "declined", "refused"}
    booked = {f"daira-{row['operation']}": row["amount"] for row in rows if row["amount"] is not None}
    assert booked == dict(runners.paid())
    assert len(booked) > 3
    assert {row["state"] == "completed" for row in rows if row["amount"] is not None} == {True}
