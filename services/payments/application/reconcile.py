"""Reconciles providers' reports with the ledger, a Cairo day at a time, and again while a difference is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Protocol

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import AppError, ErrorKind, invalid
from services.payments.domain.cairo import CAIRO, cairo_day
from services.payments.domain.providers import Rail
from services.payments.domain.reconciliation import (
    Break,
    BreakKind,
    DayFacts,
    DayOutcome,
    SettlementLine,
    reconcile_day,
)

LINES_MAX: Final = 200_000
NOTE_MAX: Final = 500
LOOK_BACK_DAYS: Final = 7
"""So many days a report that is late is waited for by itself."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a day: counts, and in piastres what was settled there and what the clearing account says here."""

    rail: Rail
    day: date
    lines: int
    operations: int
    matched: int
    open_breaks: int
    settled_there: int
    cleared_here: int


@dataclass(frozen=True, slots=True)
class StoredBreak:
    """A difference as it is kept; `closed_by` is "" while it is open, else "report" or "operator"."""

    break_id: int
    rail: Rail
    day: date
    found: Break
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str


@dataclass(frozen=True, slots=True)
class OpenBreaks:
    """How many differences of a kind are open, and for how long the oldest is."""

    kind: BreakKind
    count: int
    oldest_age_s: float


class SettlementReports(Protocol):
    """Providers' reports of what they settled."""

    async def day(self, rail: Rail, day: date) -> Sequence[SettlementLine]:
        """All lines of a Cairo day. AppError NOT_FOUND while there is no report yet; UNAVAILABLE."""
        ...


class Reconciliations(Protocol):
    """Keeps reports, runs and differences. All methods: AppError UNAVAILABLE when the database is away."""

    async def keep_report(self, rail: Rail, day: date, lines: Sequence[SettlementLine]) -> None:
        """Keep a day's report in place of the one before."""
        ...

    async def facts(self, rail: Rail, day: date) -> DayFacts:
        """What is known of a day, in one snapshot."""
        ...

    async def settle(self, rail: Rail, facts: DayFacts, outcome: DayOutcome) -> Run:
        """Open what is new, close what is explained, and write the run down."""
        ...

    async def open_days(self, rail: Rail) -> Sequence[date]:
        """Days with open differences, oldest first; at most 100."""
        ...

    async def reported_days(self, rail: Rail, since: date) -> frozenset[date]:
        """Days with a report."""
        ...

    async def breaks(self, *, closed: bool, limit: int) -> Sequence[StoredBreak]:
        """Open differences, or those that were closed, newest day first."""
        ...

    async def close(self, break_id: int, note: str) -> bool:
        """Close an open difference by an operator's word; False when there is none."""
        ...

    async def open_counts(self) -> Sequence[OpenBreaks]:
        """How many are open, by kind."""
        ...


class Reconcile:
    """The use case."""

    def __init__(self, store: Reconciliations) -> None:
        self._store = store

    async def day(self, rail: Rail, day: date, reports: SettlementReports) -> Run:
        """Fetch a day's report and compare; then again each day whose differences it may explain.

        AppError NOT_FOUND while there is no report, INVALID_ARGUMENT for one beyond 200,000 lines, UNAVAILABLE.
        """
        lines = await reports.day(rail, day)
        if len(lines) > LINES_MAX:
            raise invalid("report", f"has more than {LINES_MAX} lines")
        await self._store.keep_report(rail, day, lines)
        run = await self._compare(rail, day)
        for other in await self._store.open_days(rail):
            if other != day:
                await self._compare(rail, other)
        return run

    async def _compare(self, rail: Rail, day: date) -> Run:
        facts = await self._store.facts(rail, day)
        return await self._store.settle(rail, facts, reconcile_day(facts))

    async def close(self, break_id: int, note: str) -> bool:
        """Close a difference by an operator's note of 1 to 500 characters; False when none is open by that id."""
        words = note.strip()
        if not 1 <= len(words) <= NOTE_MAX:
            raise invalid("note", f"must have 1 to {NOTE_MAX} characters")
        return await self._store.close(break_id, words)


class ReconcileNightly:
    """One step of upkeep: the days before today that have no report yet, from a time of night on in Cairo."""

    def __init__(
        self, store: Reconciliations, reports: SettlementReports, rails: Sequence[Rail], clock: Clock, after: time
    ) -> None:
        self._store = store
        self._reconcile = Reconcile(store)
        self._reports = reports
        self._rails = rails
        self._clock = clock
        self._after = after

    async def __call__(self) -> None:
        """Reconcile what is due; a report that is not there yet is waited for. AppError UNAVAILABLE."""
        now = self._clock.now()
        if now.astimezone(CAIRO).time() < self._after:
            return
        today = cairo_day(now)
        for rail in self._rails:
            done = await self._store.reported_days(rail, today - timedelta(days=LOOK_BACK_DAYS))
            for back in range(LOOK_BACK_DAYS, 0, -1):
                if today - timedelta(days=back) not in done:
                    await self._try(rail, today - timedelta(days=back))

    async def _try(self, rail: Rail, day: date) -> None:
        try:
            run = await self._reconcile.day(rail, day, self._reports)
        except AppError as error:
            if error.kind is ErrorKind.UNAVAILABLE:
                raise
            _log.info("settlement_report_waits", rail=rail.value, day=str(day), reason=error.reason)
            return
        _log.info("reconciled", rail=rail.value, day=str(day), matched=run.matched, open_breaks=run.open_breaks)
