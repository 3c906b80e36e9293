"""Counted sign-in attempts in PostgreSQL, so that all replicas count together."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from services.auth.domain.attempts import AttemptLimit
from services.auth.domain.identifier import Identifier
from services.chassis.postgres import PostgresPool, unavailable_as_app_error

# One statement counts and decides under the row's lock: of parallel attempts exactly as many pass as the limit allows.
_RESERVE_SQL: Final = """
    INSERT INTO sign_in_attempts AS a (identifier_hash, attempts, window_started_at) VALUES ($1, 1, $2)
    ON CONFLICT (identifier_hash) DO UPDATE SET
        attempts = CASE WHEN a.window_started_at <= $3 THEN 1 ELSE a.attempts + 1 END,
        window_started_at = CASE WHEN a.window_started_at <= $3 THEN $2 ELSE a.window_started_at END
    WHERE a.window_started_at <= $3 OR a.attempts < $4
    RETURNING true
"""
_WINDOW_SQL: Final = "SELECT window_started_at FROM sign_in_attempts WHERE identifier_hash = $1"
_GIVE_BACK_SQL: Final = (
    "UPDATE sign_in_attempts SET attempts = attempts - 1 WHERE identifier_hash = $1 AND attempts > 0"
)
_PURGE_SQL: Final = """
    DELETE FROM sign_in_attempts WHERE identifier_hash IN (
        SELECT identifier_hash FROM sign_in_attempts WHERE window_started_at < $1
        ORDER BY window_started_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""


class PostgresSignInAttempts:
    """The attempts of auth's database. Names without an account are counted alike, or counting would tell them."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def reserve(self, identifier: Identifier, limit: AttemptLimit, now: datetime) -> timedelta | None:
        """Count an attempt before it is made; None when it may be, else how long none may."""
        digest = identifier.digest()
        async with unavailable_as_app_error():
            if await self._pool.fetchval(_RESERVE_SQL, digest, now, now - limit.window, limit.attempts):
                return None
            started_at: datetime | None = await self._pool.fetchval(_WINDOW_SQL, digest)
        # Forgotten in between by a sign-in that succeeded: the next try will pass.
        return timedelta(0) if started_at is None else max(timedelta(0), started_at + limit.window - now)

    async def give_back(self, identifier: Identifier) -> None:
        """An attempt that was counted was not made after all."""
        async with unavailable_as_app_error():
            await self._pool.execute(_GIVE_BACK_SQL, identifier.digest())

    async def purge(self, started_before: datetime, limit: int) -> int:
        """Forget at most `limit` windows that began before; how many."""
        async with unavailable_as_app_error():
            status = await self._pool.execute(_PURGE_SQL, started_before, limit)
        return int(status.rsplit(" ", 1)[-1])
