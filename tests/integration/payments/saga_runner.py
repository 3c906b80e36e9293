"""A runner of sagas to be killed: dies at a named place, and asks a provider that outlives it and counts what it paid.

python -m tests.integration.payments.saga_runner tour|run '{"database": url, "provider": file, …}'
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from services.chassis.errors import AppError
from services.chassis.postgres import PostgresConnection, PostgresPool, create_pool
from services.payments.adapters.postgres.sagas import PostgresSagas
from services.payments.application.run_sagas import RunSagas
from services.payments.domain.payout_machine import PayoutMachine
from services.payments.domain.providers import NO_ANSWER, Operation, OperationState, ProviderAnswer
from services.payments.domain.saga import Move, Saga
from services.payments.domain.transfers import LedgerOutcome

# By this clock every batch has left and no payout can come back any more: a whole life fits into one look.
AHEAD = timedelta(days=20)
WAKE = "UPDATE sagas SET wake_at = clock_timestamp() WHERE ended_at IS NULL AND wake_at > clock_timestamp()"
Hook = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What a runner is to do. `answer` is what its provider says.

    Inside of a call it writes the file `freeze` and waits: before the provider did anything, or when it `has_paid`.
    """

    database: str
    provider: str
    name: str = "runner"
    lease_s: float = 0.6
    answer: str = "succeeded"
    die_at: str = ""
    freeze: str = ""
    frozen_s: float = 0.3
    has_paid: bool = False
    saga_id: int = 0


class AheadClock:
    """Our time and some days."""

    def now(self) -> datetime:
        return datetime.now(UTC) + AHEAD

    def now_ms(self) -> int:
        return int(self.now().timestamp() * 1000)

    def monotonic(self) -> float:
        return time.monotonic()


def open_books(path: str) -> sqlite3.Connection:
    """The books of the provider: what it was asked by whom, and what became of each reference."""
    books = sqlite3.connect(path, timeout=30, isolation_level=None)
    books.execute("CREATE TABLE IF NOT EXISTS asked (what TEXT, reference TEXT, runner TEXT)")
    books.execute("CREATE TABLE IF NOT EXISTS paid (reference TEXT PRIMARY KEY, state TEXT, amount INTEGER)")
    return books


class OutlivingProvider:
    """Implements Providers on a file. "lost": it pays, and its answer never arrives; "lies": it says no."""

    def __init__(self, order: Order, hook: Hook) -> None:
        self._order = order
        self._books = open_books(order.provider)
        self._hook = hook

    async def send(self, operation: Operation) -> ProviderAnswer:
        self._asked("send", operation)
        self._hook("send:before")
        if self._order.answer == "lies":
            await self._freeze()
            return ProviderAnswer(OperationState.DECLINED)
        if not self._order.has_paid:
            await self._freeze()
        answer = self._order.answer
        if answer == "random":
            # What never arrives the first time does when it is sent again.
            answer = random.choice(("succeeded", "lost", "declined", "pending", "never arrives"))
        if answer != "never arrives":
            state = "succeeded" if answer in {"lost", "pending"} else answer
            sql = "INSERT OR IGNORE INTO paid VALUES (?, ?, ?)"
            self._books.execute(sql, (operation.reference, state, operation.amount))
        self._hook("send:after")
        if self._order.has_paid:
            await self._freeze()
        if answer in {"lost", "never arrives"}:
            return NO_ANSWER
        return ProviderAnswer(OperationState.PENDING) if answer == "pending" else self._known(operation)

    async def inquire(self, operation: Operation) -> ProviderAnswer:
        self._asked("inquire", operation)
        self._hook("inquire:before")
        await self._freeze()
        answer = self._known(operation)
        self._hook("inquire:after")
        return answer

    def _asked(self, what: str, operation: Operation) -> None:
        self._books.execute("INSERT INTO asked VALUES (?, ?, ?)", (what, operation.reference, self._order.name))

    def _known(self, operation: Operation) -> ProviderAnswer:
        row = self._books.execute("SELECT state FROM paid WHERE reference = ?", (operation.reference,)).fetchone()
        return replace(NO_ANSWER, never_seen=True) if row is None else ProviderAnswer(OperationState(row[0]), fee=250)

    async def _freeze(self) -> None:
        if self._order.freeze:
            await asyncio.to_thread(Path(self._order.freeze).touch)
            await asyncio.sleep(self._order.frozen_s)


class DyingSagas(PostgresSagas):
    """Sagas in PostgreSQL, with places to die before, inside of and after each transaction."""

    def __init__(self, pool: PostgresPool, order: Order, hook: Hook) -> None:
        super().__init__(pool, runner=order.name, lease_s=order.lease_s)
        self._hook = hook

    async def claim_one(self, saga_id: int) -> Saga | None:
        saga = await super().claim_one(saga_id)
        self._hook("claim:after")
        return saga

    async def advance(
        self, saga: Saga, move: Move, answered: tuple[Operation, ProviderAnswer] | None = None
    ) -> LedgerOutcome:
        self._hook(f"{move.to}:before")
        outcome = await super().advance(saga, move, answered)
        self._hook(f"{move.to}:after")
        return outcome

    async def _advance(
        self, connection: PostgresConnection, saga: Saga, move: Move,
        answered: tuple[Operation, ProviderAnswer] | None,
    ) -> None:  # fmt: skip
        await super()._advance(connection, saga, move, answered)
        self._hook(f"{move.to}:inside")


def dies_at(place: str) -> Hook:
    """Kills this process, as the kernel does, when it comes to `place`."""

    def hook(where: str) -> None:
        if where == place:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


async def work(order: Order, *, until_ended: bool) -> None:
    """Run one saga until it ended, or all for ever; whatever is asleep is woken, for its clock is ahead."""
    hook = dies_at(order.die_at)
    pool = await create_pool(order.database, application_name=order.name, min_size=1, max_size=4)
    run = RunSagas(
        DyingSagas(pool, order, hook), OutlivingProvider(order, hook), [PayoutMachine()], AheadClock(),
        provider_timeout_s=30.0,
    )  # fmt: skip
    while True:
        try:
            await pool.execute(WAKE)
            await (run.run(order.saga_id) if order.saga_id else run())
            if until_ended:
                sql = "SELECT ended_at IS NOT NULL FROM sagas WHERE id = $1"
                if await pool.fetchval(sql, order.saga_id):
                    break
        except (AppError, OSError):
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.03)
    await pool.close()


def forked(order: Order) -> int:
    """A child that works through its saga; its process id."""
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(TimeoutError):
            asyncio.run(asyncio.wait_for(work(order, until_ended=True), 30))
            code = 0
        os._exit(code)
    return child


def tour(orders: Sequence[Order]) -> None:
    """Each order's runner dies at its place and another takes over; a line a saga: the place and two exit codes."""
    dead = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in [forked(order) for order in orders]]
    heirs = [forked(replace(order, die_at="", name="heir")) for order in orders]
    ends = [os.waitstatus_to_exitcode(os.waitpid(heir, 0)[1]) for heir in heirs]
    for order, death, end in zip(orders, dead, ends, strict=True):
        sys.stdout.write(json.dumps([order.die_at, death, end]) + "\n")


def main(what: str, told: Any) -> None:
    """The program."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    if what == "tour":
        tour([Order(**one) for one in told])
    else:
        asyncio.run(work(Order(**told), until_ended=False))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
