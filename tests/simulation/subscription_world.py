"""The world of simulated subscriptions: plans, blocks and invoices beside the ledger, and a provider of charges."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from services.payments.domain.billing_periods import seconds
from services.payments.domain.plans import PlanTerms
from services.payments.domain.providers import OperationState, ProviderAnswer
from services.payments.domain.saga import Projection, Saga
from services.payments.domain.subscriptions import (
    AnswerSignal,
    InvoiceState,
    KeepInvoice,
    KeepSubscription,
    LineKind,
    Remind,
    SubscriptionFacts,
    SubscriptionState,
)
from services.payments.domain.transfers import LedgerOutcome
from tests.simulation.ledger import MemoryLedger
from tests.simulation.provider import FaultyProvider
from tests.simulation.world import Record, World

CREATORS = (2_001, 2_002)
SUBSCRIBERS = (3_001, 3_002, 3_003)
CLEARINGS = (-3, -4)


class SubscriptionLedger(MemoryLedger):
    """Also keeps subscriptions, invoices and what was billed; a period billed twice breaks it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[int, KeepSubscription] = {}
        self.invoices: dict[tuple[int, int], KeepInvoice] = {}
        self.billed: dict[tuple[int, int], int] = {}
        self.results: Counter[str] = Counter()
        self.reminded: Counter[tuple[int, int]] = Counter()
        self.limit = 10**15

    def copy(self) -> SubscriptionLedger:
        other = super().copy()
        assert isinstance(other, SubscriptionLedger)
        other.rows, other.invoices, other.billed = self.rows.copy(), self.invoices.copy(), self.billed.copy()
        other.results, other.reminded = self.results.copy(), self.reminded.copy()
        return other

    def project(self, saga: Saga, action: Projection) -> LedgerOutcome:
        match action:
            case KeepSubscription():
                self.rows[saga.saga_id] = action
            case KeepInvoice():
                self._invoice(saga.saga_id, action)
            case AnswerSignal():
                self.results[action.result] += 1
            case Remind():
                self.reminded[saga.saga_id, action.due_at] += 1
            case _:
                return super().project(saga, action)
        return LedgerOutcome.DONE

    def _invoice(self, saga_id: int, invoice: KeepInvoice) -> None:
        known = self.invoices.get((saga_id, invoice.number))
        if known is not None:
            assert known.state is InvoiceState.OPEN, "an invoice that was final changed"
            assert known.total == invoice.total
        if not invoice.lines:
            assert known is not None
            invoice = replace(invoice, lines=known.lines)
        assert sum(line.amount for line in invoice.lines) == invoice.total
        self.invoices[saga_id, invoice.number] = invoice
        if invoice.state is InvoiceState.PAID:
            for line in invoice.lines:
                if line.kind is LineKind.PERIOD:
                    other = self.billed.setdefault((saga_id, line.period), invoice.number)
                    assert other == invoice.number, "a period was billed twice"


@dataclass
class PlanOfWorld:
    """A plan and its prices as (from when on, piastres)."""

    plan_id: int
    creator_id: int
    months: int
    trial_days: int
    prices: list[tuple[int, int]]
    is_archived: bool = False


@dataclass
class Rest:
    """How long a subscription has rested."""

    since: float = 0.0
    total: float = 0.0


class SubscriptionWorld(World):
    """Also knows plans, who blocked whom, and how long each subscription rested or was tried out."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.ledger: SubscriptionLedger = SubscriptionLedger()
        self.plans: dict[int, PlanOfWorld] = {}
        self.blocked: set[tuple[int, int]] = set()
        self.rests: dict[int, Rest] = {}
        self.trials: dict[int, float] = {}
        self.farthest = 0

    def seen(self, record: Record) -> Saga:
        saga = record.saga
        plans = {
            plan.plan_id: PlanTerms(
                plan.plan_id, plan.creator_id, plan.months, plan.trial_days, plan.is_archived, list(plan.prices)
            )
            for plan in self.plans.values()
        }  # fmt: skip
        creator = saga.number("creator_id")
        had_trial = any(
            "trialing" in other.path and other.saga.saga_id != saga.saga_id
            for other in self.records.values()
            if (other.saga.subject_id, other.saga.number("creator_id")) == (saga.subject_id, creator)
        )
        welcome = (creator, saga.subject_id) not in self.blocked
        return replace(saga, facts=SubscriptionFacts(plans, welcome, had_trial, 500, 1400))

    def look(self) -> None:
        """Note what rests and what is on trial, before anything else happens."""
        now = self.clock.at.timestamp()
        # The clock may have been set back since something ended by it.
        self.farthest = max(self.farthest, seconds(self.clock.at))
        for saga_id, record in self.records.items():
            rest = self.rests.setdefault(saga_id, Rest())
            if record.saga.state == "paused" and not rest.since:
                rest.since = now
            elif record.saga.state != "paused" and rest.since:
                rest.total, rest.since = rest.total + now - rest.since, 0.0
            if record.saga.state == "trialing":
                self.trials[saga_id] = record.saga.number("period_end")

    def check(self, dunning: timedelta) -> None:
        """What holds at every moment: sums, and no access that was not paid, tried out or in the grace."""
        self.ledger.check()
        self.look()
        now = self.farthest
        for saga_id, row in self.ledger.rows.items():
            record, rest = self.records[saga_id], self.rests[saga_id]
            ends = [
                line.ends_at for (owner, _), invoice in self.ledger.invoices.items()
                if owner == saga_id and invoice.state is InvoiceState.PAID for line in invoice.lines
            ]  # fmt: skip
            if saga_id in self.trials:
                ends.append(int(self.trials[saga_id]))
            assert row.state.value == record.saga.state, "what people see is not what is"
            if not ends:
                assert row.access_until <= now, "access without payment"
                continue
            slack = dunning.total_seconds() + rest.total + (now - rest.since if rest.since else 0) + 1
            if row.state not in {SubscriptionState.CANCELED, SubscriptionState.UNPAID, SubscriptionState.PAUSED}:
                assert row.access_until <= max(ends) + slack, (row, max(ends))
            else:
                assert row.access_until <= now or record.ended, "access after the end"


class ChargeProvider(FaultyProvider):
    """Charges cards and sells vouchers; what succeeded stays."""

    def happen(self, hear: Callable[[str, ProviderAnswer], None]) -> None:
        while self.on_their_way and (self.is_calm or self._rng.random() < 0.5):
            self._arrive(self.on_their_way.pop(self._rng.randrange(len(self.on_their_way))), "none")
        for reference, state in list(self.states.items()):
            if state is OperationState.PENDING and (self.is_calm or self._rng.random() < 0.3):
                self._decide(reference, succeeds=self._rng.random() < 0.7)
        for reference, state in self.states.items():
            for _ in range(self._rng.choice((0, 0, 0, 1))):
                hear(reference, ProviderAnswer(state, fee=self._fee(state)))
