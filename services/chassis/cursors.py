"""Where a consumer stands, and the events it gave up on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error
from services.chassis.stream_event import StreamEvent

_MAX_ERROR_CHARS: Final = 2000


class CursorMoved(Exception):  # noqa: N818 - it tells what happened
    """Another instance of the consumer has applied this batch: roll back, nothing is lost."""


class CursorStore(Protocol):
    """Keeps the last position that a consumer has applied."""

    async def load(self) -> int:
        """The last position applied; 0 at first."""
        ...

    async def save(self, pos: int) -> None:
        """Remember that everything up to `pos` is applied."""
        ...


async def advance_cursor(connection: PostgresConnection, consumer: str, batch: Sequence[StreamEvent]) -> None:
    """Move the cursor over `batch` in the caller's transaction, which holds the batch's effects.

    CursorMoved when the cursor is not right before the batch. The row stays locked until the transaction ends, so two
    instances never apply one batch. Call it first: the loser then stops before it works.
    """
    moved = await connection.fetchval(
        "UPDATE consumer_cursors SET pos = $3, updated_at = now() WHERE consumer = $1 AND pos = $2 RETURNING true",
        consumer, batch[0].pos - 1, batch[-1].pos,
    )  # fmt: skip
    if not moved:
        raise CursorMoved(consumer)


class PostgresCursorStore:
    """A cursor in the consumer's own database, table consumer_cursors. It never goes back."""

    def __init__(self, pool: PostgresPool, consumer: str) -> None:
        self._pool = pool
        self._consumer = consumer

    async def load(self) -> int:
        """The last position applied, starting the cursor at 0; AppError UNAVAILABLE without the database."""
        async with unavailable_as_app_error():
            await self._pool.execute(
                "INSERT INTO consumer_cursors (consumer, pos) VALUES ($1, 0) ON CONFLICT DO NOTHING", self._consumer
            )
            pos: int = await self._pool.fetchval("SELECT pos FROM consumer_cursors WHERE consumer = $1", self._consumer)
        return pos

    async def save(self, pos: int) -> None:
        """Remember `pos`; AppError UNAVAILABLE without the database."""
        async with unavailable_as_app_error():
            await self._pool.execute(
                "INSERT INTO consumer_cursors (consumer, pos) VALUES ($1, $2) ON CONFLICT (consumer)"
                " DO UPDATE SET pos = greatest(consumer_cursors.pos, excluded.pos), updated_at = now()",
                self._consumer, pos,
            )  # fmt: skip


class MemoryCursorStore:
    """A cursor that lives and dies with the process: for state that does too."""

    def __init__(self, pos: int = 0) -> None:
        self._pos = pos

    async def load(self) -> int:
        """The last position applied."""
        return self._pos

    async def save(self, pos: int) -> None:
        """Remember `pos`."""
        self._pos = pos


class PostgresDeadLetters:
    """Keeps given-up events in the consumer's own database, table dead_letters."""

    def __init__(self, pool: PostgresPool, consumer: str) -> None:
        self._pool = pool
        self._consumer = consumer

    async def __call__(self, event: StreamEvent, error: Exception) -> None:
        """Keep the event and its error; AppError UNAVAILABLE without the database."""
        async with unavailable_as_app_error():
            await self._pool.execute(
                "INSERT INTO dead_letters (consumer, pos, event, error) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (consumer, pos) DO UPDATE SET error = excluded.error, failed_at = now()",
                self._consumer, event.pos, event.data, f"{type(error).__name__}: {error}"[:_MAX_ERROR_CHARS],
            )  # fmt: skip
