"""Events and figures in ClickHouse. What is stored twice counts once: rows are replaced by their event's id."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import structlog

from services.analytics.adapters.clickhouse import forgetting
from services.analytics.adapters.clickhouse.engine import ClickHouse
from services.analytics.adapters.clickhouse.schema import migrate
from services.analytics.application.ports import Mark
from services.analytics.domain.cairo import cairo_day
from services.analytics.domain.figures import AuthorFigures
from services.analytics.domain.forgotten import Forgotten
from services.analytics.domain.recorded_event import RecordedEvent, figures_of
from services.chassis.clock import Clock, SystemClock

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_EVENT_COLUMNS: Final = (
    "service", "pos", "event_id", "kind", "aggregate_id", "aggregate_version", "actor_id", "author_id", "post_id",
    "session_id", "amount_piastres", "fee_piastres", "vat_piastres", "post_kind", "language", "body", "occurred_at",
    "occurred_at_us", "cairo_day",
)  # fmt: skip
_FACT_COLUMNS: Final = (
    "author_id", "cairo_day", "event_id", "posts", "likes", "followers", "tips", "tips_piastres",
)  # fmt: skip

_MARKS_SQL: Final = "SELECT service, max(pos), argMax(occurred_at_us, pos) FROM ingested GROUP BY service"
# FINAL leaves one row of each event, merged or not. Only numbers are ever put into this text.
_AUTHOR_DAYS_SQL: Final = """
    SELECT toString(cairo_day), sum(posts), sum(likes), sum(followers), sum(tips), sum(tips_piastres)
    FROM author_facts FINAL WHERE author_id = {author_id:d} GROUP BY cairo_day
"""

_log = structlog.get_logger(__name__)


class ClickHouseEventStore:
    """An EventStore over any ClickHouse; makes its tables before the first use."""

    def __init__(self, clickhouse: ClickHouse, clock: Clock | None = None) -> None:
        self._clickhouse = clickhouse
        self._clock = clock or SystemClock()
        self._migrating = asyncio.Lock()
        self._migrated = False
        self._forgotten = Forgotten()

    async def prepare(self) -> None:
        """Make the tables, once; AppError UNAVAILABLE when ClickHouse is away."""
        if self._migrated:
            return
        async with self._migrating:
            if not self._migrated:
                for step in await migrate(self._clickhouse):
                    _log.info("clickhouse_schema_step", step=step)
                self._forgotten.add(await forgetting.everybody(self._clickhouse))
                self._migrated = True

    async def append(self, events: Sequence[RecordedEvent]) -> None:
        """Store events; AppError UNAVAILABLE when ClickHouse is away, and then they may be sent again.

        Of those who are gone nothing is stored, but that others have a like or a follower less.
        """
        await self.prepare()
        gone = self._forgotten
        facts = [
            _fact_row(event, figures)
            for event in events
            if event.author_id not in gone and (figures := figures_of(event)) is not None
        ]
        if facts:
            await self._clickhouse.insert("author_facts", _FACT_COLUMNS, facts)
        kept = [_event_row(event) for event in events if not gone.concerns(event)]
        if kept:
            await self._clickhouse.insert("events", _EVENT_COLUMNS, kept)

    async def forget(self, user_ids: Sequence[int]) -> None:
        """Delete what is of these people and store nothing of them again; AppError UNAVAILABLE, and then ask again."""
        await self.prepare()
        self._forgotten.add(user_ids)
        await forgetting.forget(self._clickhouse, user_ids, self._clock.now())

    async def forget_again(self) -> int:
        """Delete once more what was on its way when people were forgotten; of how many people.

        AppError UNAVAILABLE when ClickHouse is away.
        """
        await self.prepare()
        return await forgetting.forget_again(self._clickhouse, self._clock.now())

    async def mark(self, service: str, mark: Mark) -> None:
        """Remember how far a service's log is stored; AppError UNAVAILABLE when ClickHouse is away."""
        await self.prepare()
        row = (service, mark.pos, _microseconds(mark.occurred_at))
        await self._clickhouse.insert("ingested", ("service", "pos", "occurred_at_us"), [row])

    async def marks(self) -> Mapping[str, Mark]:
        """The last mark of each service; AppError UNAVAILABLE when ClickHouse is away."""
        await self.prepare()
        return {
            str(service): Mark(int(pos), _EPOCH + int(occurred_at_us) * _MICROSECOND)
            for service, pos, occurred_at_us in await self._clickhouse.query(_MARKS_SQL)
        }

    async def bury(self, service: str, pos: int, event: bytes, error: str) -> None:
        """Keep an event that cannot be stored as one; AppError UNAVAILABLE when ClickHouse is away."""
        await self.prepare()
        row = (service, pos, base64.b64encode(event).decode(), error)
        await self._clickhouse.insert("dead_letters", ("service", "pos", "event_base64", "error"), [row])

    async def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a SELECT over these tables; AppError UNAVAILABLE when ClickHouse is away."""
        await self.prepare()
        return await self._clickhouse.query(statement)

    async def author_days(self, author_id: int) -> Mapping[date, AuthorFigures]:
        """The author's figures by Cairo day; AppError UNAVAILABLE when ClickHouse is away."""
        await self.prepare()
        rows = await self._clickhouse.query(_AUTHOR_DAYS_SQL.format(author_id=author_id))
        return {date.fromisoformat(day): AuthorFigures(*(int(figure) for figure in figures)) for day, *figures in rows}


def _event_row(event: RecordedEvent) -> tuple[Any, ...]:
    return (
        event.service, event.pos, event.event_id, event.kind, event.aggregate_id, event.aggregate_version,
        event.actor_id, event.author_id, event.post_id, event.session_id, event.amount_piastres, event.fee_piastres,
        event.vat_piastres, event.post_kind, event.language, event.body, event.occurred_at,
        _microseconds(event.occurred_at), cairo_day(event.occurred_at),
    )  # fmt: skip


def _fact_row(event: RecordedEvent, figures: AuthorFigures) -> tuple[Any, ...]:
    return (
        event.author_id, cairo_day(event.occurred_at), event.event_id, figures.posts, figures.likes, figures.followers,
        figures.tips, figures.tips_piastres,
    )  # fmt: skip


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
