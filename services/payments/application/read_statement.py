"""Reading what one's own wallet held, and the lines between two moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.chassis.clock import Clock
from services.chassis.errors import invalid
from services.payments.domain.statements import Period, Statement, StatementLine, period
from services.payments.domain.wallets import page_length


@dataclass(frozen=True, slots=True)
class StatementFacts:
    """What the ledger knows of a period in one snapshot; balances in piastres."""

    opening: int
    closing: int
    lines: Sequence[StatementLine]


class Statements(Protocol):
    """Reads the ledger as of moments. AppError UNAVAILABLE when it is away."""

    async def of(self, user_id: int, asked: Period, *, after: int, limit: int) -> StatementFacts:
        """Balances around a period, and at most `limit` of its lines numbered above `after`."""
        ...

    async def balance_at(self, user_id: int, at: datetime) -> int:
        """What the wallet held at a moment, the moment included."""
        ...


class ReadStatement:
    """The use case."""

    def __init__(self, statements: Statements, clock: Clock) -> None:
        self._statements = statements
        self._clock = clock

    def period(self, since: datetime | None, until: datetime | None) -> Period:
        """The period that is asked for; AppError INVALID_ARGUMENT."""
        return period(since, until, self._clock.now())

    async def page(self, user_id: int, asked: Period, *, page_size: int, after: int) -> Statement:
        """A page of a period's lines, those numbered above `after`. AppError for a bad size, or UNAVAILABLE."""
        length = page_length(page_size)
        facts = await self._statements.of(user_id, asked, after=after, limit=length + 1)
        lines = facts.lines[:length]
        more = len(facts.lines) > length
        return Statement(asked, facts.opening, facts.closing, lines, lines[-1].entry.number if more else None)

    async def balance_at(self, user_id: int, at: datetime | None) -> tuple[int, datetime]:
        """What the wallet held, and when; AppError INVALID_ARGUMENT for a moment that is still to come."""
        now = self._clock.now()
        moment = at or now
        if moment > now:
            raise invalid("at", "must not be in the future")
        return await self._statements.balance_at(user_id, moment), moment
