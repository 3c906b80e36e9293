"""Each way in which a provider's report and the ledger can differ, and what explains it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from services.payments.domain.cairo import day_begins
from services.payments.domain.providers import OperationKind, OperationState
from services.payments.domain.reconciliation import (
    BookedOperation,
    Break,
    BreakKind,
    DayFacts,
    LineState,
    SettlementLine,
    clearing_change,
    reconcile_day,
)

DAY = date(2026, 11, 23)
NEXT = DAY + timedelta(days=1)
NOON = day_begins(DAY) + timedelta(hours=12)
LATE = day_begins(NEXT) - timedelta(minutes=5)
REFERENCE = "daira-1"


def line(**changes: object) -> SettlementLine:
    made = SettlementLine(REFERENCE, "P-1", OperationKind.PAYOUT, LineState.SETTLED, 10_000, 300, NOON)
    return replace(made, **changes)  # type: ignore[arg-type]


def operation(**changes: object) -> BookedOperation:
    made = BookedOperation(
        REFERENCE, OperationKind.PAYOUT, OperationState.SUCCEEDED, 10_000, 300, NOON, booked=10_000, booked_fee=300
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def found(
    lines: list[SettlementLine],
    operations: list[BookedOperation],
    elsewhere: list[tuple[date, SettlementLine]] | None = None,
    reported: set[date] | None = None,
) -> list[tuple[BreakKind, int, int]]:
    return [(one.kind, one.here, one.there) for one in breaks(lines, operations, elsewhere, reported)]


def breaks(
    lines: list[SettlementLine],
    operations: list[BookedOperation],
    elsewhere: list[tuple[date, SettlementLine]] | None = None,
    reported: set[date] | None = None,
) -> list[Break]:
    by_reference: dict[str, list[tuple[date, SettlementLine]]] = {}
    for day, other in elsewhere or []:
        by_reference.setdefault(other.reference, []).append((day, other))
    facts = DayFacts(DAY, lines, by_reference, {one.reference: one for one in operations}, frozenset(reported or {DAY}))
    return list(reconcile_day(facts).breaks)


def test_sides_that_are_alike_have_no_break() -> None:
    assert found([line()], [operation()]) == []
    assert reconcile_day(DayFacts(DAY, [line()], {}, {REFERENCE: operation()}, frozenset({DAY}))).matched == 1


@pytest.mark.parametrize("reference", ["daira-2", "somebody-elses"])
def test_what_we_never_asked_for_is_missing_here(reference: str) -> None:
    other = line(reference=reference)
    assert found([line(), other], [operation()]) == [(BreakKind.MISSING_HERE, 0, 10_000)]


def test_what_no_report_has_is_missing_there() -> None:
    assert found([], [operation()]) == [(BreakKind.MISSING_THERE, 10_000, 0)]
    # A later report brings it: that explains it.
    (one,) = breaks([], [operation()], [(DAY + timedelta(days=3), line())])
    assert (one.kind, one.explanation) == (BreakKind.MISSING_THERE, "in the report of 2026-11-26")


def test_what_settled_around_midnight_waits_for_the_other_day() -> None:
    late = operation(settled_at=LATE)
    assert found([], [late]) == [(BreakKind.TIMING, 10_000, 0)]
    (one,) = breaks([], [late], [(NEXT, line(settled_at=LATE + timedelta(minutes=9)))], {DAY, NEXT})
    assert (one.kind, one.explanation) == (BreakKind.TIMING, "in the report of 2026-11-24")
    # The other day's report has come without it.
    assert found([], [late], reported={DAY, NEXT}) == [(BreakKind.MISSING_THERE, 10_000, 0)]
    early = operation(settled_at=day_begins(DAY) + timedelta(minutes=5))
    assert found([], [early]) == [(BreakKind.TIMING, 10_000, 0)]
    assert found([], [early], reported={DAY, DAY - timedelta(days=1)}) == [(BreakKind.MISSING_THERE, 10_000, 0)]


def test_the_other_days_line_is_no_break_of_its_day() -> None:
    assert found([line()], [operation(settled_at=day_begins(DAY) - timedelta(minutes=5))]) == []


@pytest.mark.parametrize(
    ("there", "here", "expected"),
    [
        (line(amount=10_001), operation(), (BreakKind.AMOUNT_DIFFERS, 10_000, 10_001)),
        (line(), operation(booked=9_999), (BreakKind.AMOUNT_DIFFERS, 10_000, 9_999)),
        (line(), operation(booked=None), (BreakKind.AMOUNT_DIFFERS, 10_000, 0)),
        (line(fee=301), operation(), (BreakKind.FEE_DIFFERS, 300, 301)),
        (line(), operation(booked_fee=None), (BreakKind.FEE_DIFFERS, 300, 0)),
        (line(), operation(state=OperationState.UNKNOWN, settled_at=None), (BreakKind.STATE_DIFFERS, 0, 10_000)),
        (line(), operation(state=OperationState.DECLINED), (BreakKind.STATE_DIFFERS, 0, 10_000)),
        (line(), operation(state=OperationState.RETURNED), (BreakKind.STATE_DIFFERS, 10_000, 10_000)),
        (line(state=LineState.RETURNED, fee=0), operation(), (BreakKind.STATE_DIFFERS, 10_000, 10_000)),
    ],
)
def test_what_differs_is_told(
    there: SettlementLine, here: BookedOperation, expected: tuple[BreakKind, int, int]
) -> None:
    assert found([there], [here]) == [expected]


def test_what_came_back_is_told_by_two_lines() -> None:
    returned, back = operation(state=OperationState.RETURNED), line(state=LineState.RETURNED, fee=0)
    assert found([line()], [returned], [(NEXT, back)]) == []
    assert found([back], [returned], [(DAY - timedelta(days=5), line())]) == []


def test_twice_is_a_duplicate() -> None:
    again = line(provider_reference="P-2")
    assert found([line(), again], [operation()]) == [(BreakKind.DUPLICATE, 0, 10_000)]
    assert found([again], [operation()], [(DAY - timedelta(days=1), line())]) == [(BreakKind.DUPLICATE, 0, 10_000)]
    # The first day is right; the later one is the break.
    assert found([line()], [operation()], [(NEXT, again)]) == []


def test_what_nobody_asked_for_in_the_clearing_account_is_told() -> None:
    facts = DayFacts(DAY, [], {}, {}, frozenset({DAY}), {77: -500})
    (one,) = reconcile_day(facts).breaks
    assert (one.kind, one.reference, one.here) == (BreakKind.MISSING_THERE, "transfer-77", -500)


def test_the_order_of_a_report_means_nothing() -> None:
    chance = random.Random(1)
    lines = [line(reference=f"daira-{number % 7}", amount=10_000 + number % 3) for number in range(20)]
    operations = [operation(reference=f"daira-{number}") for number in range(3, 12)]
    first = breaks(lines, operations)
    for _ in range(5):
        chance.shuffle(operations)
        assert breaks(list(lines), operations) == first


@pytest.mark.parametrize(
    ("kind", "state", "change"),
    [
        (OperationKind.CHARGE, LineState.SETTLED, -9_700),
        (OperationKind.PAYOUT, LineState.SETTLED, 10_300),
        (OperationKind.REFUND, LineState.SETTLED, 10_300),
        (OperationKind.PAYOUT, LineState.RETURNED, -10_000),
    ],
)
def test_what_a_line_changes_of_the_clearing_account(kind: OperationKind, state: LineState, change: int) -> None:
    assert clearing_change(line(kind=kind, state=state)) == change


def test_both_long_and_short_days_begin_and_end() -> None:
    """In October a Cairo day has 25 hours, in April 23: what settled in its last minutes is of it."""
    for day in (date(2026, 10, 29), date(2026, 4, 23), date(2026, 4, 24)):
        ends: datetime = day_begins(day + timedelta(days=1))
        last = operation(settled_at=ends - timedelta(minutes=1))
        facts = DayFacts(day, [], {}, {REFERENCE: last}, frozenset({day}))
        assert [one.kind for one in reconcile_day(facts).breaks] == [BreakKind.TIMING]
        after = DayFacts(day, [], {}, {REFERENCE: operation(settled_at=ends)}, frozenset({day}))
        assert reconcile_day(after).breaks == []
