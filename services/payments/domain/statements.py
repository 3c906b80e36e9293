"""Statements of a wallet between two moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from services.chassis.errors import invalid
from services.payments.domain.wallets import WalletEntry

BEGINNING: Final = datetime(2024, 1, 1, tzinfo=UTC)
"""Before every transfer there is."""


@dataclass(frozen=True, slots=True)
class Period:
    """From a moment until before another, both with microseconds in UTC."""

    since: datetime
    until: datetime

    @property
    def just_before(self) -> datetime:
        """The last moment before it."""
        return self.since - _MICROSECOND

    @property
    def last(self) -> datetime:
        """Its last moment."""
        return self.until - _MICROSECOND


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A line with what its transfer moved in all, amounts in piastres; 0 for no post and nothing taken back."""

    entry: WalletEntry
    whole: int
    fee: int
    vat: int
    post_id: int
    reverses: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A page of the lines of a period, oldest first, and the balances in piastres before and after all of it.

    `next_after` is the number of the last line when there are more, None at the end.
    """

    period: Period
    opening: int
    closing: int
    lines: Sequence[StatementLine]
    next_after: int | None


def period(since: datetime | None, until: datetime | None, now: datetime) -> Period:
    """The period asked for: from the beginning and until now where nothing is said.

    AppError INVALID_ARGUMENT when it ends before it begins or in the future.
    """
    asked = Period(max(since or BEGINNING, BEGINNING), until or now)
    if asked.until > now:
        raise invalid("to", "must not be in the future")
    if asked.until <= asked.since:
        raise invalid("to", "must be after from")
    return asked


_MICROSECOND: Final = timedelta(microseconds=1)
