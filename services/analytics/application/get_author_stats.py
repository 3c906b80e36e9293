"""An author's own figures, in total and by Cairo day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce
from typing import Final

from services.analytics.application.ingest import Ingest
from services.analytics.application.ports import EventStore, LogReader
from services.analytics.domain.cairo import cairo_day, last_days
from services.analytics.domain.figures import AuthorFigures
from services.chassis.clock import Clock
from services.chassis.errors import invalid

MAX_DAYS: Final = 90
DEFAULT_DAYS: Final = 30
# What an event needs at most, while everything is well, from its commit until it is known here.
_UNSEEN: Final = timedelta(seconds=2)
# Whose events move an author's figures.
_SOURCES: Final = ("social", "payments")


@dataclass(frozen=True, slots=True)
class AuthorStats:
    """Figures since the account was made, those of the days asked for, and until when events are counted, in UTC."""

    total: AuthorFigures
    days: list[tuple[date, AuthorFigures]]
    counted_until: datetime


class GetAuthorStats:
    """The use case."""

    def __init__(
        self, store: EventStore, ingests: Mapping[str, Ingest], readers: Mapping[str, LogReader], clock: Clock
    ) -> None:
        self._store = store
        self._ingests = ingests
        self._readers = readers
        self._clock = clock

    async def __call__(self, author_id: int, days: int) -> AuthorStats:
        """The figures; `days` is 1 to 90, or 0 for 30. AppError INVALID_ARGUMENT; UNAVAILABLE without the store."""
        if not 0 <= days <= MAX_DAYS:
            raise invalid("days", f"must be 0 to {MAX_DAYS}")
        now = self._clock.now()
        counted_until = min(self._counted_until(service, now) for service in _SOURCES)
        by_day = await self._store.author_days(author_id)
        wanted = last_days(cairo_day(now), days or DEFAULT_DAYS)
        return AuthorStats(
            total=reduce(AuthorFigures.__add__, by_day.values(), AuthorFigures()),
            days=[(day, by_day.get(day, AuthorFigures())) for day in wanted],
            counted_until=counted_until,
        )

    def _counted_until(self, service: str, now: datetime) -> datetime:
        reader, last_event = self._readers[service], self._ingests[service].counted_until
        if reader.caught_up.is_set() and reader.lag == 0:
            return max(last_event, now - _UNSEEN)
        return last_event
