"""Runners of sagas as processes to be killed and frozen, and a database that comes and goes under them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path

import asyncpg

from tests.fakes.service_keys import identity_settings
from tests.integration.payments.saga_runner import Order, open_books
from tests.stores import ROOT, SERVICE_SETTINGS


class Runners:
    """Processes that run sagas until they are killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.provider = str(folder / "provider.sqlite")
        open_books(self.provider).close()
        self.children: list[subprocess.Popen[bytes]] = []

    def start(self, order: Order) -> subprocess.Popen[bytes]:
        """One more; what it says is in NAME.log."""
        with (self.folder / f"{order.name}.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.payments.saga_runner", "run", json.dumps(asdict(order))],
                cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.children.append(child)
        return child

    def said(self, name: str) -> str:
        """Its log."""
        return (self.folder / f"{name}.log").read_text()

    def paid(self) -> list[tuple[str, int]]:
        """What the provider paid."""
        with open_books(self.provider) as books:
            return list(books.execute("SELECT reference, amount FROM paid WHERE state = 'succeeded'"))

    def asked(self, runner: str) -> list[str]:
        """What a runner asked of the provider, in turn."""
        with open_books(self.provider) as books:
            return [
                row[0] for row in books.execute("SELECT what FROM asked WHERE runner = ? ORDER BY rowid", (runner,))
            ]

    def close(self) -> None:
        """Kill them, also those that stand still."""
        for child in self.children:
            child.kill()
            child.wait(30)


async def until(holds: Callable[[], bool | Awaitable[bool]], *, seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


async def migrate(url: str) -> None:
    environment = dict(os.environ) | SERVICE_SETTINGS | identity_settings("payments") | {"PAYMENTS_DATABASE_URL": url}
    command = [sys.executable, "-m", "services.payments.migrate"]
    await asyncio.to_thread(subprocess.run, command, env=environment, cwd=ROOT, check=True)


async def away_or(look: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await look()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
