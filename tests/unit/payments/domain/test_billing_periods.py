"""Periods keep the day of the first one, whatever the month and the clock; rests of them are exact to the piastre."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.payments.domain.billing_periods import index_at, moment, period_start, rest_of, seconds
from services.payments.domain.cairo import CAIRO

ANCHORS = st.integers(1_704_067_200, 1_893_456_000)
AMOUNTS = st.integers(0, 10**9)


def cairo(year: int, month: int, day: int, hour: int = 12, minute: int = 0, *, fold: int = 0) -> int:
    return seconds(datetime(year, month, day, hour, minute, tzinfo=CAIRO, fold=fold))


def days_of(anchor: int, count: int, months: int = 1) -> list[tuple[int, int]]:
    starts = [moment(period_start(anchor, months, index)).astimezone(CAIRO) for index in range(count)]
    return [(start.month, start.day) for start in starts]


def test_the_last_day_of_a_month_is_not_forgotten_in_february() -> None:
    assert days_of(cairo(2027, 1, 31), 4) == [(1, 31), (2, 28), (3, 31), (4, 30)]
    assert days_of(cairo(2028, 1, 31), 3) == [(1, 31), (2, 29), (3, 31)]
    assert days_of(cairo(2028, 2, 29), 3, months=12) == [(2, 29), (2, 28), (2, 28)]


def test_an_hour_that_is_skipped_or_comes_twice_is_one_beginning() -> None:
    # On 24 April 2026 clocks in Cairo go from 0:00 to 1:00; on 29 October 2026 the hour before midnight comes twice.
    skipped = period_start(cairo(2026, 3, 24, 0, 30), 1, 1)
    assert moment(skipped).astimezone(CAIRO).hour == 1
    twice = cairo(2026, 10, 29, 23, 30, fold=1)
    assert period_start(twice, 1, 0) == twice
    assert period_start(cairo(2026, 9, 29, 23, 30), 1, 1) == cairo(2026, 10, 29, 23, 30)


@given(ANCHORS, st.sampled_from((1, 12)), st.integers(0, 60))
def test_periods_follow_one_another_on_the_day_of_the_first(anchor: int, months: int, index: int) -> None:
    start, end = period_start(anchor, months, index), period_start(anchor, months, index + 1)
    assert timedelta(days=27) < moment(end) - moment(start) < timedelta(days=367)
    assert index_at(anchor, months, start) == index == index_at(anchor, months, end - 1)
    first, begins = moment(anchor).astimezone(CAIRO), moment(start).astimezone(CAIRO)
    assert begins.day == min(first.day, calendar.monthrange(begins.year, begins.month)[1])


@given(AMOUNTS, AMOUNTS, st.integers(1, 10**8), st.integers(-(10**3), 10**8 + 10**3))
def test_rests_are_within_the_amount_and_keep_their_order(one: int, other: int, whole: int, at: int) -> None:
    small, large = sorted((one, other))
    rest = rest_of(large, 0, whole, at)
    assert 0 <= rest_of(small, 0, whole, at) <= rest <= large
    left = min(max(whole - at, 0), whole)
    assert abs(rest * whole - large * left) * 2 <= whole
    assert rest_of(large, 0, whole, 0) == large
    assert rest_of(large, 0, whole, whole) == 0
