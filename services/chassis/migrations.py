"""Alembic without its ceremony: one call brings a database to the newest version, however many call at once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import asyncpg
import structlog
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

_START_TIMEOUT_S: Final = 60.0
_STARTING: Final = (OSError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError)

_log = structlog.get_logger(__name__)


async def upgrade(url: str, script_location: str | Path, *, lock_key: str, revision: str = "head") -> None:
    """Bring the database at `url` (postgresql://…) to `revision` of the scripts in `script_location`/versions.

    Waits for the database to come up and for anyone else migrating it: an advisory lock named `lock_key` is held on a
    connection of its own, so a revision may commit in between (CREATE INDEX CONCURRENTLY). Running it again does
    nothing. All revisions run in one transaction unless they say otherwise.
    """
    lock_connection: asyncpg.Connection[Any] = await _connect(url)
    try:
        await lock_connection.execute("SELECT pg_advisory_lock($1)", _lock_number(lock_key))
        engine = create_async_engine(_sqlalchemy_url(url), poolclass=NullPool)
        try:
            async with engine.connect() as connection:
                await connection.run_sync(_run, _scripts(script_location), revision)
                await connection.commit()
        finally:
            await engine.dispose()
    finally:
        # Closing the session gives the lock back.
        await lock_connection.close()


def _run(connection: Connection, script: ScriptDirectory, revision: str) -> None:
    def steps(current: Any, _context: Any) -> list[Any]:
        found = script._upgrade_revs(revision, current)  # noqa: SLF001 - what `alembic upgrade` itself calls
        for step in found:
            _log.info("migration", revision=step.revision.revision)
        return list(found)

    environment = EnvironmentContext(Config(), script, fn=steps, destination_rev=revision)
    with environment:
        environment.configure(connection=connection, target_metadata=None)
        with environment.begin_transaction():
            environment.run_migrations()


def _scripts(script_location: str | Path) -> ScriptDirectory:
    return ScriptDirectory(str(script_location))


async def _connect(url: str) -> asyncpg.Connection[Any]:
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(_STARTING),
        stop=stop_after_delay(_START_TIMEOUT_S),
        wait=wait_exponential_jitter(multiplier=0.05, max=1.0),
        reraise=True,
    )
    return await attempts(asyncpg.connect, url, timeout=5.0)


def _sqlalchemy_url(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"postgresql", "postgres"}:
        raise ValueError("a database URL starts with postgresql://")
    return f"postgresql+asyncpg://{rest}"


def _lock_number(lock_key: str) -> int:
    return int.from_bytes(hashlib.sha256(lock_key.encode()).digest()[:8], "big", signed=True)
