"""Reconciliation: what a provider says it settled on a Cairo day against what the ledger says, and each difference."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from services.payments.domain.cairo import cairo_day, day_begins
from services.payments.domain.providers import OperationKind, OperationState

AROUND_MIDNIGHT: Final = timedelta(hours=2)
"""So near to the end of a day, or its beginning, a provider may count an operation on the other day."""


class LineState(enum.Enum):
    """What a line of a report tells."""

    SETTLED = "settled"
    RETURNED = "returned"
    """Settled earlier, and came back."""


class BreakKind(enum.Enum):
    """How the two sides differ."""

    MISSING_HERE = "missing_here"
    """The provider settled what we never asked for."""
    MISSING_THERE = "missing_there"
    """We booked what no report of the provider has."""
    AMOUNT_DIFFERS = "amount_differs"
    FEE_DIFFERS = "fee_differs"
    STATE_DIFFERS = "state_differs"
    """Both know it, but not that it succeeded or came back."""
    TIMING = "timing"
    """Around midnight: the report of the other day is still to come, or has it."""
    DUPLICATE = "duplicate"
    """The provider settled one reference more than once."""


@dataclass(frozen=True, slots=True)
class SettlementLine:
    """A line of a provider's report, amounts in piastres; `reference` is ours, `provider_reference` theirs."""

    reference: str
    provider_reference: str
    kind: OperationKind
    state: LineState
    amount: int
    fee: int
    settled_at: datetime


@dataclass(frozen=True, slots=True)
class BookedOperation:
    """An operation as we have it, amounts in piastres; `settled_at` is None while the outcome is not known.

    `booked` and `booked_fee` are what the clearing account's entries say of it, None while there are none.
    """

    reference: str
    kind: OperationKind
    state: OperationState
    amount: int
    fee: int
    settled_at: datetime | None
    booked: int | None
    booked_fee: int | None

    @property
    def has_moved(self) -> bool:
        """Whether money moved at the provider, as far as we know."""
        return self.state in {OperationState.SUCCEEDED, OperationState.RETURNED}


@dataclass(frozen=True, slots=True)
class Break:
    """One difference: what each side says, in piastres; with an `explanation` there is nothing to do."""

    kind: BreakKind
    reference: str
    here: int
    there: int
    words: str
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What is known of a provider's day.

    `lines` are the day's report, `elsewhere` the lines of all other reports by reference, with their days; `operations`
    those that settled on the day by our clock, and all that the day's lines name; `reported` the days with a report.
    `unasked` are transfers of the day in the clearing account that belong to no operation, with what they changed.
    """

    day: date
    lines: Sequence[SettlementLine]
    elsewhere: Mapping[str, Sequence[tuple[date, SettlementLine]]]
    operations: Mapping[str, BookedOperation]
    reported: frozenset[date]
    unasked: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """The differences of a day, and how many references both sides have alike."""

    breaks: Sequence[Break]
    matched: int


def reconcile_day(facts: DayFacts) -> DayOutcome:
    """Compare the two sides; the same facts always give the same breaks, in the order of references."""
    by_reference: dict[str, list[SettlementLine]] = {}
    for line in facts.lines:
        by_reference.setdefault(line.reference, []).append(line)
    breaks: list[Break] = []
    matched = 0
    ours = {
        reference
        for reference, operation in facts.operations.items()
        if operation.has_moved and operation.settled_at is not None and cairo_day(operation.settled_at) == facts.day
    }
    for reference in sorted(ours | by_reference.keys()):
        lines = by_reference.get(reference, [])
        found = [*_duplicates(facts, reference, lines), *_differences(facts, reference, lines)]
        matched += not found
        breaks += found
    for transfer, amount in sorted(facts.unasked.items()):
        words = f"transfer {transfer} changed the clearing account, and no operation of a provider asked for it"
        breaks.append(Break(BreakKind.MISSING_THERE, f"transfer-{transfer}", amount, 0, words))
    return DayOutcome(breaks, matched)


def clearing_change(line: SettlementLine) -> int:
    """What a line changes of the clearing account, in piastres: money in is owed to us, so it goes down."""
    if line.state is LineState.RETURNED:
        return -line.amount
    return line.fee + (-line.amount if line.kind is OperationKind.CHARGE else line.amount)


def _duplicates(facts: DayFacts, reference: str, lines: Sequence[SettlementLine]) -> Iterable[Break]:
    for state in LineState:
        alike = [line for line in lines if line.state is state]
        earlier = [day for day, line in facts.elsewhere.get(reference, ()) if line.state is state and day < facts.day]
        extra = alike if earlier else alike[1:]
        if extra:
            where = f"on {min(earlier)} already" if earlier else "more than once"
            words = f"the provider has {reference} as {state.value} {where}"
            yield Break(BreakKind.DUPLICATE, reference, 0, sum(line.amount for line in extra), words)


def _differences(facts: DayFacts, reference: str, lines: Sequence[SettlementLine]) -> Iterable[Break]:
    operation = facts.operations.get(reference)
    if operation is None:
        words = f"the provider settled {reference}, which we never asked for"
        yield Break(BreakKind.MISSING_HERE, reference, 0, sum(line.amount for line in lines), words)
        return
    states = {line.state for line in lines} | {line.state for _, line in facts.elsewhere.get(reference, ())}
    if not lines:
        yield from _not_in_the_report(facts, operation)
    elif not operation.has_moved:
        words = f"the provider settled {reference}, which we have as {operation.state.value}"
        yield Break(BreakKind.STATE_DIFFERS, reference, 0, lines[0].amount, words)
        return
    yield from _amounts(operation, lines)
    if states and (LineState.RETURNED in states) != (operation.state is OperationState.RETURNED):
        here, there = ("came back", "has not") if LineState.RETURNED not in states else ("is paid", "came back")
        words = f"{reference} {here} as we have it, as the provider has it {there}"
        yield Break(BreakKind.STATE_DIFFERS, reference, operation.amount, operation.amount, words)


def _amounts(operation: BookedOperation, lines: Sequence[SettlementLine]) -> Iterable[Break]:
    """What differs between the operation, the clearing account's entries, and the day's lines if there are any."""
    reference = operation.reference
    amounts = [(line.amount, "the provider settled") for line in lines]
    fees = [(line.fee, "the provider kept") for line in lines if line.state is LineState.SETTLED]
    amounts.append((operation.booked or 0, "the clearing account has"))
    fees.append((operation.booked_fee or 0, "the clearing account has as kept"))
    for kind, here, others in (
        (BreakKind.AMOUNT_DIFFERS, operation.amount, amounts),
        (BreakKind.FEE_DIFFERS, operation.fee, fees),
    ):
        different = [(there, who) for there, who in others if there != here]
        if different:
            there, who = different[0]
            words = f"{reference}: {who} {there} piastres, and we have {here}"
            yield Break(kind, reference, here, there, words)


def _not_in_the_report(facts: DayFacts, operation: BookedOperation) -> Iterable[Break]:
    """One that we settled on the day, and the day's report has not."""
    reference = operation.reference
    other = _other_day(facts.day, operation)
    elsewhere = [(day, line) for day, line in facts.elsewhere.get(reference, ()) if line.state is LineState.SETTLED]
    kind = BreakKind.TIMING if other is not None else BreakKind.MISSING_THERE
    if elsewhere:
        day, line = elsewhere[0]
        explanation = f"in the report of {day}"
        words = f"we settled {reference} on {facts.day}, the provider on {day}"
        yield Break(kind, reference, operation.amount, line.amount, words, explanation)
        return
    if other is not None and other in facts.reported:
        # The other day's report has it neither.
        kind = BreakKind.MISSING_THERE
    words = f"we settled {reference} on {facts.day}, and no report of the provider has it"
    if kind is BreakKind.TIMING:
        words = f"we settled {reference} near midnight, and the report of {other} may have it"
    yield Break(kind, reference, operation.amount, 0, words)


def _other_day(day: date, operation: BookedOperation) -> date | None:
    """The day on which a provider may count what settled around midnight; None for all else."""
    if operation.settled_at is None:
        return None
    if operation.settled_at >= day_begins(day + timedelta(days=1)) - AROUND_MIDNIGHT:
        return day + timedelta(days=1)
    if operation.settled_at < day_begins(day) + AROUND_MIDNIGHT:
        return day - timedelta(days=1)
    return None
