"""The answer has every day asked for, and says until when it is true."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from services.analytics.application.get_author_stats import GetAuthorStats
from services.analytics.application.ingest import Ingest
from services.analytics.application.ports import Mark
from services.analytics.domain.figures import AuthorFigures
from services.analytics.domain.recorded_event import RecordedEvent
from services.chassis.errors import AppError, ErrorKind
from tests.fakes.clock import FixedClock

# 22:30 UTC is the next day in Cairo.
NOW = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)


class Store:
    """An EventStore that knows one author."""

    def __init__(self, days: Mapping[date, AuthorFigures], marks: Mapping[str, Mark]) -> None:
        self.days = days
        self.kept = marks

    async def append(self, _events: Sequence[RecordedEvent]) -> None:
        raise AssertionError

    async def forget(self, _user_ids: Sequence[int]) -> None:
        raise AssertionError

    async def mark(self, _service: str, _mark: Mark) -> None:
        raise AssertionError

    async def marks(self) -> Mapping[str, Mark]:
        return self.kept

    async def bury(self, _service: str, _pos: int, _event: bytes, _error: str) -> None:
        raise AssertionError

    async def author_days(self, author_id: int) -> Mapping[date, AuthorFigures]:
        return self.days if author_id == 1 else {}


class Reader:
    """A LogReader that stands somewhere."""

    def __init__(self, position: int, head: int) -> None:
        self.position = position
        self.head = head
        self.caught_up = asyncio.Event()
        if position == head:
            self.caught_up.set()

    @property
    def lag(self) -> int:
        return self.head - self.position


async def stats(days: Mapping[date, AuthorFigures], *, social_behind: bool = False) -> GetAuthorStats:
    store = Store(days, {"social": Mark(5, NOW - timedelta(hours=3)), "payments": Mark(5, NOW - timedelta(days=3))})
    ingests = {service: Ingest(service, store) for service in ("social", "payments")}
    for ingest in ingests.values():
        await ingest.position()
    readers = {"social": Reader(5, 9 if social_behind else 5), "payments": Reader(5, 5)}
    return GetAuthorStats(store, ingests, readers, FixedClock(int(NOW.timestamp() * 1000)))


async def test_days_without_events_are_there_and_older_ones_count_in_the_total() -> None:
    use_case = await stats(
        {
            date(2026, 11, 24): AuthorFigures(posts=1),
            date(2026, 11, 22): AuthorFigures(likes=2, followers=-1),
            date(2025, 1, 1): AuthorFigures(posts=10, tips=1, tips_piastres=500),
        }
    )
    answer = await use_case(1, 3)
    assert answer.total == AuthorFigures(posts=11, likes=2, followers=-1, tips=1, tips_piastres=500)
    assert answer.days == [
        (date(2026, 11, 22), AuthorFigures(likes=2, followers=-1)),
        (date(2026, 11, 23), AuthorFigures()),
        (date(2026, 11, 24), AuthorFigures(posts=1)),
    ]


async def test_thirty_days_unless_said_and_nobody_has_zeros() -> None:
    answer = await (await stats({}))(2, 0)
    assert len(answer.days) == 30
    assert answer.total == AuthorFigures()
    assert answer.days[-1][0] == date(2026, 11, 24)


@pytest.mark.parametrize("days", [-1, 91, 2**31 - 1])
async def test_other_numbers_of_days_are_refused(days: int) -> None:
    with pytest.raises(AppError) as caught:
        await (await stats({}))(1, days)
    assert caught.value.kind is ErrorKind.INVALID_ARGUMENT


async def test_caught_up_means_a_moment_ago_and_behind_means_the_last_event() -> None:
    assert (await (await stats({}))(1, 1)).counted_until == NOW - timedelta(seconds=2)
    assert (await (await stats({}, social_behind=True))(1, 1)).counted_until == NOW - timedelta(hours=3)
