"""Stores one service's events and remembers how far that has come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from services.analytics.application.ports import EventStore, Mark
from services.analytics.domain.recorded_event import RecordedEvent

_GONE: Final = "account_deleted"
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Ingest:
    """The use case, for one service.

    The mark is kept in the same store as the events, and set after them: a crash in between stores some again, which
    counts once. The greatest stored position would not do for a mark, as rows of two months are two parts, of which
    either may be the one that a crash leaves.
    """

    def __init__(self, service: str, store: EventStore) -> None:
        self.service = service
        self._store = store
        self._last = Mark(0, _LONG_AGO)

    @property
    def counted_until(self) -> datetime:
        """When the last event stored happened; the beginning of time when there is none."""
        return self._last.occurred_at

    async def position(self) -> int:
        """The position to continue after; AppError UNAVAILABLE when the store is away."""
        self._last = (await self._store.marks()).get(self.service, Mark(0, _LONG_AGO))
        return self._last.pos

    async def store(self, events: Sequence[RecordedEvent]) -> None:
        """Store events that follow one another, and move the mark; AppError UNAVAILABLE when the store is away.

        Whoever is gone according to them is forgotten first: a crash in between forgets them again.
        """
        if not events:
            return
        if gone := [event.aggregate_id for event in events if event.kind == _GONE]:
            await self._store.forget(gone)
        await self._store.append(events)
        await self._move(Mark(events[-1].pos, max(self._last.occurred_at, events[-1].occurred_at)))

    async def skip(self, pos: int, event: bytes, error: str) -> None:
        """Put aside an event that cannot be stored; AppError UNAVAILABLE when the store is away."""
        await self._store.bury(self.service, pos, event, error)
        await self._move(Mark(pos, self._last.occurred_at))

    async def _move(self, mark: Mark) -> None:
        await self._store.mark(self.service, mark)
        self._last = mark
