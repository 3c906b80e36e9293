"""Signing keys in PostgreSQL, made once however many replicas start together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import asyncpg
import structlog

from services.auth.adapters.signing_key_box import SigningKeyBox
from services.auth.domain.key_schedule import SigningKey
from services.chassis.errors import unavailable
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

_LOCK_SQL: Final = "SELECT pg_advisory_xact_lock(hashtextextended('auth.signing_keys', 0))"
_LOAD_SQL: Final = "SELECT kid, public_key, private_key_sealed, active_from FROM signing_keys ORDER BY active_from"
_ADD_SQL: Final = "INSERT INTO signing_keys (kid, public_key, private_key_sealed, active_from) VALUES ($1, $2, $3, $4)"
# A key goes once its successor has been signing since before the limit.
_FORGET_SQL: Final = """
    DELETE FROM signing_keys k
    WHERE EXISTS (SELECT FROM signing_keys n WHERE n.active_from > k.active_from AND n.active_from < $1)
"""

_log = structlog.get_logger(__name__)


class PostgresSigningKeys:
    """The keys of auth's database. WrongKeyEncryptionKeyError from any method that opens them."""

    def __init__(self, pool: PostgresPool, box: SigningKeyBox) -> None:
        self._pool = pool
        self._box = box

    async def load(
        self, next_start: Callable[[Sequence[datetime]], datetime | None], forget_before: datetime
    ) -> list[SigningKey]:
        """All keys, after adding those that `next_start` says are due."""
        async with unavailable_as_app_error():
            try:
                keys = await self._read(self._pool)
                if next_start([key.active_from for key in keys]) is not None:
                    keys = await self._add_due(next_start, forget_before)
            except asyncpg.UndefinedTableError:
                raise unavailable("the database is not migrated yet", retry_after_ms=500) from None
        return keys

    async def _read(self, source: PostgresPool | PostgresConnection) -> list[SigningKey]:
        rows = await source.fetch(_LOAD_SQL)
        return [self._box.open(*row) for row in rows]

    async def _add_due(
        self, next_start: Callable[[Sequence[datetime]], datetime | None], forget_before: datetime
    ) -> list[SigningKey]:
        async with self._pool.acquire() as connection, connection.transaction():
            # Who waited here sees the keys of who was first, and finds none due.
            await connection.execute(_LOCK_SQL)
            keys = await self._read(connection)
            while (start := next_start([key.active_from for key in keys])) is not None:
                key = self._box.new(start)
                await connection.execute(_ADD_SQL, key.kid, key.public, self._box.seal(key), start)
                _log.info("signing_key_made", kid=key.kid, active_from=start.isoformat())
                keys.append(key)
            await connection.execute(_FORGET_SQL, forget_before)
            return await self._read(connection)
