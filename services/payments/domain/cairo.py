"""Days and hours in Cairo, where money's days begin: also those of 23 and 25 hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

CAIRO: Final = ZoneInfo("Africa/Cairo")


def next_time_of_day(now: datetime, at: time) -> datetime:
    """The next moment (UTC, after `now`) when clocks in Cairo show `at`.

    A time that the change to summer skips is taken an hour later, one that comes twice the first time.
    """
    day = now.astimezone(CAIRO).date()
    for _ in range(3):
        moment = datetime.combine(day, at, CAIRO).astimezone(UTC)
        if moment > now:
            return moment
        day += timedelta(days=1)
    raise AssertionError("one of three days has the time in the future")


def day_begins(day: date) -> datetime:
    """The first moment (UTC) of a Cairo day, also of one whose midnight the change to summer skips."""
    return datetime.combine(day, time(), CAIRO).astimezone(UTC)


def cairo_day(moment: datetime) -> date:
    """The date that calendars in Cairo show at a moment."""
    return moment.astimezone(CAIRO).date()


def add_months(start: datetime, months: int) -> datetime:
    """The same day and time in Cairo `months` later (UTC); the last day of the month where it has no such day."""
    local = start.astimezone(CAIRO)
    month0 = local.month - 1 + months
    year, month = local.year + month0 // 12, month0 % 12 + 1
    first_after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    last_day = (first_after - timedelta(days=1)).day
    return local.replace(year=year, month=month, day=min(local.day, last_day), fold=0).astimezone(UTC)
