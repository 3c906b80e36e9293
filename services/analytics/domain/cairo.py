"""Days as Egypt counts them, summer time included."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

CAIRO: Final = ZoneInfo("Africa/Cairo")


def cairo_day(moment: datetime) -> date:
    """The day in Cairo at a moment, which knows its time zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone has no day")
    return moment.astimezone(CAIRO).date()


def last_days(today: date, count: int) -> list[date]:
    """The `count` days that end with `today`, oldest first."""
    return [today - timedelta(days=ago) for ago in range(count - 1, -1, -1)]
