"""Signing keys in PostgreSQL, made once however many replicas start together."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import asyncpg
import structlog

from services.auth.adapters.signing_key_box import SigningKeyBox
from services.auth.domain.key_schedule import KeyChange, SigningKey
from services.chassis.errors import unavailable
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

_LOCK_SQL: Final = "SELECT pg_advisory_xact_lock(hashtextextended('auth.signing_keys', 0))"
_LOAD_SQL: Final = """
    SELECT kid, public_key, private_key_sealed, active_from, revoked_at
    FROM signing_keys ORDER BY active_from, kid
"""
_ADD_SQL: Final = "INSERT INTO signing_keys (kid, public_key, private_key_sealed, active_from) VALUES ($1, $2, $3, $4)"
_START_SQL: Final = "UPDATE signing_keys SET active_from = $2 WHERE kid = $1"
_REVOKE_SQL: Final = "UPDATE signing_keys SET revoked_at = $2 WHERE kid = $1"
# Keys are nobody's: their rows have no subject. The payload is the key's id.
_AUDIT_SQL: Final = "INSERT INTO audit_log (kind, subject_id, actor_id, payload) VALUES ($1, 0, 0, $2)"
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
        async with _as_app_error():
            keys = await self._read(self._pool)
            if next_start(_starts(keys)) is not None:
                async with self._alone() as connection:
                    keys = await self._add_due(connection, next_start)
                    await connection.execute(_FORGET_SQL, forget_before)
                    keys = await self._read(connection)
        return keys

    async def change(
        self,
        decide: Callable[[Sequence[SigningKey]], KeyChange | None],
        next_start: Callable[[Sequence[datetime]], datetime | None],
    ) -> list[SigningKey] | None:
        """Change keys and add those that are due then, with their rows in the audit log: all of it or nothing."""
        async with _as_app_error(), self._alone() as connection:
            change = decide(await self._add_due(connection, next_start))
            if change is None:
                return None
            if change.revoked is not None:
                await connection.execute(_REVOKE_SQL, *change.revoked)
                await self._audit(connection, "signing_key_revoked", change.revoked[0])
            if change.starts is not None:
                await connection.execute(_START_SQL, *change.starts)
                await self._audit(connection, "signing_key_advanced", change.starts[0])
            return await self._add_due(connection, next_start)

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[PostgresConnection]:
        async with self._pool.acquire() as connection, connection.transaction():
            # Who waited here sees the keys of who was first, and finds none due.
            await connection.execute(_LOCK_SQL)
            yield connection

    async def _read(self, source: PostgresPool | PostgresConnection) -> list[SigningKey]:
        rows = await source.fetch(_LOAD_SQL)
        return [replace(self._box.open(*row[:4]), revoked_at=row[4]) for row in rows]

    async def _add_due(
        self, connection: PostgresConnection, next_start: Callable[[Sequence[datetime]], datetime | None]
    ) -> list[SigningKey]:
        keys = await self._read(connection)
        # With its first keys a database begins; from then on each that comes is worth a row.
        begins = not keys
        while (start := next_start(_starts(keys))) is not None:
            key = self._box.new(start)
            await connection.execute(_ADD_SQL, key.kid, key.public, self._box.seal(key), start)
            if begins:
                _log.info("signing_key_made", kid=key.kid)
            else:
                await self._audit(connection, "signing_key_made", key.kid)
            keys.append(key)
        return await self._read(connection)

    async def _audit(self, connection: PostgresConnection, kind: str, kid: str) -> None:
        await connection.execute(_AUDIT_SQL, kind, kid.encode())
        _log.info(kind, kid=kid)


def _starts(keys: Sequence[SigningKey]) -> list[datetime]:
    return [key.active_from for key in keys if not key.is_revoked]


@contextlib.asynccontextmanager
async def _as_app_error() -> AsyncIterator[None]:
    async with unavailable_as_app_error():
        try:
            yield
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
            raise unavailable("the database is not migrated yet", retry_after_ms=500) from None
