"""What a subscription's saga remembers, as a record: the terms, the period, and what is being collected."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from services.payments.domain.billing_periods import index_at, period_start
from services.payments.domain.plans import PlanTerms
from services.payments.domain.saga import Data
from services.payments.domain.subscriptions import BillingRules, InvoiceLine, LineKind, PaymentSource, SubscriptionState


@dataclass(frozen=True, slots=True)
class Contract:
    """Moments in whole seconds, 0 for never; amounts in piastres.

    `period` is the number of the last period that was paid, -1 for none; it covers `period_start` to `period_end`, for
    which `paid` was paid (`span_periods` periods that were bought ahead are one span). Period n begins at the `anchor`
    moved on by n - `anchor_period` intervals. `due_at` is above 0 while the next period is due and not paid. `charge`
    is the purpose of a provider operation that is on its way, `charge_quote` what it pays for.
    """

    plan_id: int
    creator_id: int
    source: str
    instrument_id: int = 0
    rail: str = ""
    periods: int = 1
    months: int = 0
    paid: int = 0
    span_periods: int = 1
    price: int = 0
    anchor: int = 0
    anchor_period: int = 0
    period: int = -1
    period_start: int = 0
    period_end: int = 0
    cancel_at_end: bool = False
    next_plan_id: int = 0
    due_at: int = 0
    tries: int = 0
    next_try: int = 0
    unpaid_until: int = 0
    pause_until: int = 0
    paused_left: int = 0
    reminded_for: int = 0
    ended_at: int = 0
    problem: str = ""
    invoice: int = 0
    invoice_total: int = 0
    has_open_invoice: bool = False
    charges: int = 0
    charge: str = ""
    charge_epoch: int = 0
    charge_source: str = ""
    charge_quote: str = ""
    charged_at: int = 0
    charge_is_own: bool = False
    charge_again: bool = False
    give_up: bool = False

    @classmethod
    def read(cls, data: Data) -> Contract:
        """The record in what a saga remembers; TypeError when something of it is missing."""
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in names})  # type: ignore[arg-type]

    def data(self) -> Mapping[str, int | str | bool | None]:
        """What the saga is to remember."""
        return asdict(self)

    def access_until(self, state: SubscriptionState, rules: BillingRules) -> int:
        """Until when the subscriber may see what is for subscribers, in a state."""
        if state in {SubscriptionState.INCOMPLETE, SubscriptionState.INCOMPLETE_EXPIRED}:
            return 0
        if state in {SubscriptionState.CANCELED, SubscriptionState.UNPAID, SubscriptionState.PAUSED}:
            return self.ended_at
        if self.due_at:
            return self.due_at + int(rules.dunning.total_seconds())
        renews = not self.cancel_at_end and self.source != PaymentSource.VOUCHER.value
        return self.period_end + (int(rules.leeway.total_seconds()) if renews else 0)


@dataclass(frozen=True, slots=True)
class Quote:
    """What is to be paid, and for which time. `credit` is what of the old plan's money counts towards it."""

    purpose: str
    plan_id: int
    months: int
    first_period: int
    periods: int
    start: int
    end: int
    price: int
    cost: int
    credit: int = 0
    anchor: int = 0
    anchor_period: int = 0
    since: int = 0

    @property
    def total(self) -> int:
        """What is charged."""
        return self.cost - self.credit

    def text(self) -> str:
        """The quote as a saga remembers it."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Quote:
        """A quote out of what a saga remembers."""
        return cls(**json.loads(text))

    def lines(self, contract: Contract) -> tuple[InvoiceLine, ...]:
        """The lines of its invoice; they sum to the total."""
        if self.purpose == "upgrade":
            kind = LineKind.REST if self.months == contract.months else LineKind.PERIOD
            rest = InvoiceLine(kind, self.plan_id, self.first_period, self.since, self.end, self.cost)
            unused = InvoiceLine(
                LineKind.UNUSED, contract.plan_id, contract.period, self.since, contract.period_end, -self.credit
            )
            return (unused, rest) if self.credit else (rest,)
        anchored = (self.anchor, self.anchor_period)
        return tuple(
            InvoiceLine(
                LineKind.PERIOD, self.plan_id, number, _start(anchored, self.months, number),
                _start(anchored, self.months, number + 1), self.price,
            )
            for number in range(self.first_period, self.first_period + self.periods)
        )  # fmt: skip


def _start(anchored: tuple[int, int], months: int, number: int) -> int:
    anchor, first = anchored
    return period_start(anchor, months, number - first)


def quote_fresh(contract: Contract, plan: PlanTerms, now: int, periods: int) -> Quote:
    """Periods that begin now, with an anchor of their own."""
    number = contract.period + 1
    return _quote(plan, (now, number), number, periods)


def quote_next(contract: Contract, plan: PlanTerms, now: int, periods: int) -> Quote:
    """The periods after those that are paid.

    Time that went by altogether, because nothing ran, is not billed: there was no access in it.
    """
    number = contract.period + 1
    anchored = (contract.anchor, contract.anchor_period)
    if contract.period >= 0 and plan.months != contract.months:
        anchored = (contract.period_end, number)
    anchor, first = anchored
    if not contract.due_at and _start(anchored, plan.months, number + 1) <= now:
        number = first + index_at(anchor, plan.months, now)
    return _quote(plan, anchored, number, periods)


def quote_upgrade(contract: Contract, plan: PlanTerms, now: int, rest: tuple[int, int]) -> Quote:
    """Another plan from now on; `rest` is what the unused part of the old is worth and the rest of the period costs."""
    credit, cost = rest
    if plan.months == contract.months:
        return Quote(
            "upgrade", plan.plan_id, plan.months, contract.period, 1, contract.period_start, contract.period_end,
            plan.price_at(now), cost, credit, contract.anchor, contract.anchor_period, since=now,
        )  # fmt: skip
    number = contract.period + 1
    fresh = _quote(plan, (now, number), number, 1)
    return replace(fresh, purpose="upgrade", credit=credit, since=now)


def _quote(plan: PlanTerms, anchored: tuple[int, int], number: int, periods: int) -> Quote:
    start = _start(anchored, plan.months, number)
    price = plan.price_at(start)
    anchor, first = anchored
    return Quote(
        "period", plan.plan_id, plan.months, number, periods, start, _start(anchored, plan.months, number + periods),
        price, price * periods, anchor=anchor, anchor_period=first,
    )  # fmt: skip
