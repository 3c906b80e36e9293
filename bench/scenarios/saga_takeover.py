"""How long a saga stands still when the runner that works on it is killed, until another one goes on with it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg

from bench.results import ROOT, Measurement, measured
from dev import child
from dev.ports import free_port
from dev.stores.postgres_server import EmbeddedPostgres, PostgresSettings

ROUNDS = 7
RUNNERS = 2
PERSON = 4_242
PATIENCE_S = 60.0
POLL_S = 0.01
_QUICK_SETTINGS = {"PAYMENTS_SAGA_LEASE_S": "1", "PAYMENTS_PAYOUT_TIMEOUT_S": "0.5"}
_START_SQL = """
    SELECT saga_id FROM start_saga('payout', $1, $2, 'body', NULL, 'requested',
        '{"amount": 20000, "rail": "bank", "destination_id": 1}', clock_timestamp(), '')
"""
_OWNER_SQL = "SELECT lease_owner, epoch FROM sagas WHERE id = $1 AND lease_until > clock_timestamp()"


def run(*, quick: bool = False) -> list[Measurement]:
    """Each round one runner of two is killed in the middle of a step, with the settings that are the default."""
    settings = _QUICK_SETTINGS if quick else {}
    with _database() as (folder, url), _runners(folder, url, settings) as runners:
        seconds = [asyncio.run(_takeover(url, runners, number)) for number in range(1 if quick else ROUNDS)]
    return [measured("saga.takeover_s", seconds)]


async def _takeover(url: str, runners: Runners, number: int) -> float:
    """Kill the runner that waits for the lock of a wallet inside of a transition; seconds until another goes on."""
    connection = await asyncpg.connect(url)
    holder = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT open_wallets(ARRAY[$1::bigint], 0)", PERSON)
        lock = holder.transaction()
        await lock.start()
        await holder.execute("SELECT FROM accounts WHERE id = $1 FOR UPDATE", PERSON)
        saga_id = await connection.fetchval(_START_SQL, PERSON, f"takeover-{number}")
        owner, epoch = await _owner(connection, saga_id, above=0)
        killed = time.monotonic()
        runners.kill(int(owner.rsplit(":", 1)[-1]))
        await lock.rollback()
        await _owner(connection, saga_id, above=epoch)
        took = time.monotonic() - killed
        runners.fill_up()
    finally:
        await holder.close()
        await connection.close()
    return took


async def _owner(connection: asyncpg.Connection[asyncpg.Record], saga_id: int, *, above: int) -> tuple[str, int]:
    """Who claimed the saga under an epoch above one, as soon as somebody did, also when it has ended since."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            row = await connection.fetchrow(_OWNER_SQL if not above else "SELECT * FROM sagas WHERE id = $1", saga_id)
            if row is not None and row["epoch"] > above:
                return row["lease_owner"] or "", row["epoch"]
            await asyncio.sleep(POLL_S)


class Runners:
    """Processes that run sagas, to be killed by their ids."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def fill_up(self) -> None:
        """Start as many as are missing."""
        while len(self._children) < RUNNERS:
            with (self._folder / "runners.log").open("ab") as log:
                command = [sys.executable, "-m", "services.payments.workers.sagas"]
                one = child.spawn(command, log=log, death_signal=signal.SIGKILL, env=self._environment, cwd=ROOT)
            self._children[one.pid] = one

    def kill(self, pid: int) -> None:
        """SIGKILL; KeyError for a process that is none of them."""
        one = self._children.pop(pid)
        one.kill()
        one.wait(30)

    def close(self) -> None:
        """End them all."""
        for one in self._children.values():
            child.end(one, [(signal.SIGTERM, 10.0)])


@contextlib.contextmanager
def _database() -> Iterator[tuple[Path, str]]:
    # Not under a folder that `nobody`, who runs PostgreSQL for root, may not enter.
    with tempfile.TemporaryDirectory(prefix="daira-bench-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o711)
        postgres = EmbeddedPostgres(PostgresSettings(data=folder / "postgres", port=free_port(), durable=True))
        postgres.start()
        try:
            yield folder, postgres.url
        finally:
            postgres.stop()


@contextlib.contextmanager
def _runners(folder: Path, url: str, settings: dict[str, str]) -> Iterator[Runners]:
    environment = dict(os.environ) | {
        "PAYMENTS_DATABASE_URL": url,
        "PAYMENTS_KEY_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="),
        "DAIRA_ENV": "test",
        "LOG_LEVEL": "error",
    }
    migrate = [sys.executable, "-m", "services.payments.migrate"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    runners = Runners(folder, environment | settings)
    runners.fill_up()
    try:
        yield runners
    finally:
        runners.close()
