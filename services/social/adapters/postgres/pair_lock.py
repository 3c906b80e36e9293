"""A transaction that has two people to itself: who follows, asks and blocks is decided one at a time for a pair."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

# A lock of its own statement: the next statement then sees all that the holder before has committed. The same for both
# orders of the two; a clash of hashes costs a wait and nothing else.
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashint8extended($1, hashint8extended($2, 1)))"


@contextlib.asynccontextmanager
async def pair_locked(pool: PostgresPool, one: int, other: int) -> AsyncIterator[PostgresConnection]:
    """A connection in a transaction, committed at the end of the block. AppError UNAVAILABLE."""
    async with unavailable_as_app_error(), pool.acquire() as connection, connection.transaction():
        await connection.execute(_LOCK, min(one, other), max(one, other))
        yield connection
