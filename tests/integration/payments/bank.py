"""Jepsen's bank for this ledger: people and writers who move money, and remember what they were told."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import grpc.aio

from daira.payments.v1 import payments_service_pb2 as pb
from dev.stores.postgres_server import EmbeddedPostgres
from services.chassis.errors import AppError
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.payments.adapters.postgres.sagas import PostgresSagas
from services.payments.application.saga_ports import NewSaga
from services.payments.domain.payout_machine import PAYOUT
from tests.integration.payments.processes import Caller

# One snapshot: every balance, what is held of it, and how much all platform accounts have.
SNAPSHOT = """
    SELECT a.id, a.kind, a.posted, a.held, b.balance::bigint AS balance FROM accounts a
    JOIN account_balances b ON b.id = a.id
"""
CLEARING = -6
POST = """
    SELECT outcome, transfer, actor_balance FROM post_transfer('payout', $1, $1, $2, 0, 0, 0, $3, 'b',
        ARRAY[$1, -6]::bigint[], ARRAY[-$2::bigint, $2], $4, 0, 'transfer_posted', '')
"""
RECENT_TIP = """
    SELECT id, actor_id, recipient_id, amount FROM transfers WHERE kind = 'tip' ORDER BY id DESC OFFSET $1 LIMIT 1
"""
REFUND = """
    SELECT outcome, transfer, actor_balance FROM post_transfer('refund', $1, $2, $3, 0, 0, 0, $4, 'b',
        ARRAY[$1, $2]::bigint[], ARRAY[-$3::bigint, $3], 0, $5, 'transfer_posted', '')
"""


@dataclass
class Readers:
    """Take snapshots all the time; what none may show is kept in `wrong`."""

    url: str
    wrong: list[str] = field(default_factory=list)
    snapshots: int = 0
    seen: set[int] = field(default_factory=set)

    async def run(self, stop: asyncio.Event) -> None:
        """Until stopped; a database that is away is waited for."""
        while not stop.is_set():
            try:
                async with unavailable_as_app_error():
                    connection = await asyncpg.connect(self.url, timeout=2)
            except AppError:
                await asyncio.sleep(0.05)
                continue
            try:
                async with unavailable_as_app_error():
                    while not stop.is_set():
                        self.judge(await connection.fetch(SNAPSHOT, timeout=5))
                        await asyncio.sleep(0.01)
            except AppError:
                connection.terminate()
            else:
                await connection.close()

    def judge(self, rows: Sequence[asyncpg.Record]) -> None:
        """Jepsen's checks: the total, negatives, accounts that are gone; and holds."""
        self.snapshots += 1
        if total := sum(row["balance"] for row in rows):
            self.wrong.append(f"the total is {total}")
        for row in rows:
            if row["kind"] == "wallet" and not 0 <= row["held"] <= row["posted"]:
                self.wrong.append(f"wallet {row['id']} has {row['posted']} and holds {row['held']}")
        found = {row["id"] for row in rows}
        if gone := self.seen - found:
            self.wrong.append(f"accounts {sorted(gone)} are gone")
        self.seen |= found


class Tippers:
    """People who tip over any of several processes, and remember every answer, and every call without one."""

    def __init__(self, callers: Sequence[Sequence[Caller]], seed: int) -> None:
        self.callers = callers
        self.rng = random.Random(seed)
        self.told: dict[tuple[int, str], tuple[int, int, pb.SendTipResponse]] = {}
        self.untold: dict[tuple[int, str], tuple[int, int]] = {}
        self.refused = 0
        self.keys = itertools.count()

    async def run(self, stop: asyncio.Event) -> None:
        """Each person one tip after the other."""
        await asyncio.gather(*(self.person(number, stop) for number in range(len(self.callers[0]))))

    async def person(self, number: int, stop: asyncio.Event) -> None:
        while not stop.is_set():
            others = [other for other in range(len(self.callers[0])) if other != number]
            recipient = self.callers[0][self.rng.choice(others)].user_id
            key, amount = f"tip-{next(self.keys)}", self.rng.randrange(100, 3_000)
            # Some give up at once: whether their tip was sent is for the ledger to say. The others insist.
            tries = self.rng.choice((1, 40))
            await self.insist(number, recipient, amount, key, tries)
            await asyncio.sleep(0.01)

    async def insist(self, number: int, recipient: int, amount: int, key: str, tries: int) -> None:
        person = self.callers[0][number].user_id
        for _ in range(tries):
            caller = self.rng.choice(self.callers)[number]
            try:
                answer = await caller.tip(recipient, amount, key)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
                    self.refused += 1
                    self.untold.pop((person, key), None)
                    return
                self.untold[person, key] = (recipient, amount)
                await asyncio.sleep(0.03)
            else:
                self.untold.pop((person, key), None)
                self.told[person, key] = (recipient, amount, answer)
                return


class Writers:
    """Hold, use holds up, free them, and take tips back, straight in SQL; each asks until it is told."""

    def __init__(self, pool: PostgresPool, people: Sequence[int], seed: int) -> None:
        self.pool = pool
        self.people = people
        self.rng = random.Random(seed)
        self.sagas = itertools.count(seed * 10_000_000)
        self.told: dict[tuple[int, str], tuple[int, int]] = {}
        self.failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """One piece of work after the other."""
        while not stop.is_set():
            await self.rng.choice((self.hold, self.hold, self.refund))()
            await asyncio.sleep(0.005)

    async def ask(self, sql: str, *arguments: Any) -> Any:
        """The first row, however often the database goes away before it answers."""
        while True:
            try:
                async with unavailable_as_app_error():
                    return await self.pool.fetchrow(sql, *arguments, timeout=5)
            except AppError:
                self.failures += 1
                await asyncio.sleep(0.05)

    async def hold(self) -> None:
        person, amount, saga = self.rng.choice(self.people), self.rng.randrange(2, 4_000), next(self.sagas)
        lasts = self.rng.choice((None, "50 milliseconds"))
        sql = "SELECT outcome, hold_id FROM place_hold($1, $2, 'bank', $3, $4::text::interval)"
        placed = await self.ask(sql, person, amount, saga, lasts)
        if placed["outcome"] != "held":
            return
        match self.rng.choice(("capture", "part", "release", "leave")):
            case "capture" | "part" as how:
                used = amount if how == "capture" else amount // 2
                name = f"payout-{saga}"
                await self.transfer((person, name), POST, person, used, name, placed["hold_id"])
            case "release":
                await self.ask("SELECT release_hold($1)", placed["hold_id"])
            case _ if lasts is None:
                await self.ask("SELECT release_hold($1)", placed["hold_id"])

    async def refund(self) -> None:
        tip = await self.ask(RECENT_TIP, self.rng.randrange(200))
        if tip is not None:
            key = f"refund-{next(self.sagas)}"
            amount = self.rng.randrange(1, tip["amount"])
            await self.transfer(
                (tip["recipient_id"], key), REFUND, tip["recipient_id"], tip["actor_id"], amount, key, tip["id"]
            )

    async def transfer(self, name: tuple[int, str], sql: str, *arguments: Any) -> None:
        row = await self.ask(sql, *arguments)
        if row["outcome"] in {"posted", "replayed"}:
            self.told[name] = (row["transfer"], row["actor_balance"])


class Payees:
    """People who are paid out: a saga each time, started until its start is told."""

    def __init__(self, pool: PostgresPool, people: Sequence[int], seed: int) -> None:
        self.store = PostgresSagas(pool, runner="bank", lease_s=1)
        self.people = people
        self.rng = random.Random(seed)
        self.started: set[int] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """One payout after the other."""
        for number in itertools.count():
            if stop.is_set():
                return
            data: dict[str, int | str] = {
                "amount": self.rng.randrange(500, 4_000),
                "rail": "mobile",
                "destination_id": 7,
            }
            saga = NewSaga(PAYOUT, self.rng.choice(self.people), f"payout-{number}", b"body", "requested", data)
            while True:
                try:
                    self.started.add((await self.store.start(saga))[1])
                    break
                except AppError:
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.1)


def stop_immediately(server: EmbeddedPostgres) -> None:
    """`pg_ctl stop -m immediate`: no backend gets to finish, and the next start recovers."""
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    server.stop()
