"""Days change at Cairo's midnight, in winter and in summer."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.domain.cairo import CAIRO, cairo_day, last_days


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        # Winter: two hours ahead of UTC.
        (datetime(2026, 11, 23, 21, 59, 59, tzinfo=UTC), date(2026, 11, 23)),
        (datetime(2026, 11, 23, 22, 0, tzinfo=UTC), date(2026, 11, 24)),
        # Summer: three.
        (datetime(2026, 7, 1, 20, 59, 59, tzinfo=UTC), date(2026, 7, 1)),
        (datetime(2026, 7, 1, 21, 0, tzinfo=UTC), date(2026, 7, 2)),
        # The night summer time begins: midnight does not exist, the day begins at 01:00.
        (datetime(2026, 4, 23, 21, 59, 59, tzinfo=UTC), date(2026, 4, 23)),
        (datetime(2026, 4, 23, 22, 0, tzinfo=UTC), date(2026, 4, 24)),
        # The night it ends: the last hour of the day comes twice.
        (datetime(2026, 10, 29, 20, 30, tzinfo=UTC), date(2026, 10, 29)),
        (datetime(2026, 10, 29, 21, 30, tzinfo=UTC), date(2026, 10, 29)),
        (datetime(2026, 10, 29, 22, 0, tzinfo=UTC), date(2026, 10, 30)),
    ],
)
def test_the_day_is_cairos(moment: datetime, day: date) -> None:
    assert cairo_day(moment) == day


@given(st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001 - given its zone below
def test_days_never_go_back(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC)
    assert cairo_day(moment) <= cairo_day(moment + timedelta(minutes=1))
    assert abs(cairo_day(moment) - moment.date()) <= timedelta(days=1)
    assert cairo_day(moment.astimezone(CAIRO)) == cairo_day(moment)


def test_a_moment_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        cairo_day(datetime(2026, 1, 1))  # noqa: DTZ001 - the point


def test_last_days_end_today_oldest_first() -> None:
    assert last_days(date(2026, 3, 1), 3) == [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]
    assert last_days(date(2026, 3, 1), 1) == [date(2026, 3, 1)]
