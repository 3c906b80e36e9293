"""What analytics' use cases need of the world."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from services.analytics.domain.figures import AuthorFigures
from services.analytics.domain.recorded_event import RecordedEvent


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a service's log is stored: position, and when the event there happened, in UTC."""

    pos: int
    occurred_at: datetime


class EventStore(Protocol):
    """The column store. Every method raises AppError UNAVAILABLE when it is away."""

    async def append(self, events: Sequence[RecordedEvent], /) -> None:
        """Store events; an event stored twice counts once, so after any failure the same events may come again."""
        ...

    async def forget(self, user_ids: Sequence[int], /) -> None:
        """Delete what is of these people and store nothing of them again; asking again changes nothing."""
        ...

    async def mark(self, service: str, mark: Mark, /) -> None:
        """Remember that everything of the service's log up to the mark is stored."""
        ...

    async def marks(self) -> Mapping[str, Mark]:
        """The last mark of each service that has one."""
        ...

    async def bury(self, service: str, pos: int, event: bytes, error: str, /) -> None:
        """Keep an event that cannot be stored as one."""
        ...

    async def author_days(self, author_id: int) -> Mapping[date, AuthorFigures]:
        """The author's figures by Cairo day, of all days that have any."""
        ...


class LogReader(Protocol):
    """How far the reading of one service's log has come."""

    caught_up: asyncio.Event

    @property
    def position(self) -> int:
        """The last position stored."""
        ...

    @property
    def head(self) -> int:
        """The greatest position known to exist."""
        ...

    @property
    def lag(self) -> int:
        """Events known and not yet stored."""
        ...
