"""Billing periods: anchored to the first one's day in Cairo, and what is left of one, exact to the piastre."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Final

from services.payments.domain.cairo import add_months

MONTHLY: Final = 1
YEARLY: Final = 12


class Interval(enum.IntEnum):
    """How long a period lasts, in months."""

    MONTH = MONTHLY
    YEAR = YEARLY


def moment(seconds: int) -> datetime:
    """A moment (UTC) from whole seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def seconds(at: datetime) -> int:
    """Whole seconds since 1970 of a moment, rounded down."""
    return int(at.timestamp() // 1)


def period_start(anchor: int, months: int, index: int) -> int:
    """When the period `index` of those of `months` months begins whose first (0) begins at `anchor`; in seconds.

    Counted from the anchor and not from the period before, so that 31 January, 28 February is followed by 31 March.
    """
    # The anchor may be in an hour that comes twice in Cairo, of which the calendar would take the first.
    return anchor if index == 0 else seconds(add_months(moment(anchor), months * index))


def index_at(anchor: int, months: int, at: int) -> int:
    """The index of the period that holds the moment `at`, which is not before `anchor`."""
    # Months have at most 31 days: never beyond, and then forward.
    index = max(0, (at - anchor) // (months * 32 * 86_400))
    while period_start(anchor, months, index + 1) <= at:
        index += 1
    return index


def rest_of(amount: int, start: int, end: int, at: int) -> int:
    """What of `amount` piastres belongs to the time from `at` to the end of a period, rounded half to even.

    Never more than the amount and never below zero, also for moments outside of the period; the greater of two amounts
    never has the smaller rest.
    """
    whole = end - start
    left = min(max(end - at, 0), whole)
    quotient, remainder = divmod(amount * left, whole)
    return quotient + (2 * remainder > whole or (2 * remainder == whole and quotient % 2 == 1))
