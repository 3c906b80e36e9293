"""Transactions that have people to themselves: who follows, asks and blocks is decided one at a time."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

# A lock in a statement of its own: the next statement then sees all that the holder before has committed. A pair is the
# same in both orders; whether each of the two is private stands still meanwhile. A clash of hashes costs a wait.
_LOCK_PAIR: Final = """
SELECT pg_advisory_xact_lock(hashint8extended($1, hashint8extended($2, 1))),
       pg_advisory_xact_lock_shared(hashint8extended($1, 2)), pg_advisory_xact_lock_shared(hashint8extended($2, 2))
"""
_LOCK_PRIVACY: Final = "SELECT pg_advisory_xact_lock(hashint8extended($1, 2))"


@contextlib.asynccontextmanager
async def pair_locked(pool: PostgresPool, one: int, other: int) -> AsyncIterator[PostgresConnection]:
    """A connection in a transaction, committed at the end of the block. AppError UNAVAILABLE."""
    async with unavailable_as_app_error(), pool.acquire() as connection, connection.transaction():
        await connection.execute(_LOCK_PAIR, min(one, other), max(one, other))
        yield connection


@contextlib.asynccontextmanager
async def privacy_locked(pool: PostgresPool, user_id: int) -> AsyncIterator[PostgresConnection]:
    """The same for one person's privacy: nobody follows or asks meanwhile, or answers. AppError UNAVAILABLE."""
    async with unavailable_as_app_error(), pool.acquire() as connection, connection.transaction():
        await connection.execute(_LOCK_PRIVACY, user_id)
        yield connection
