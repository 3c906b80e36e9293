"""Subscriptions and invoices as people see them, and what billing writes down in a transition."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from services.payments.domain.plans import PlanTerms
from services.payments.domain.saga import Projection

SUBSCRIPTION: Final = "subscription"
PREPAID_MAX: Final = 12
"""Periods that are bought ahead at once."""
PAUSE_DAYS_MAX: Final = 90


class SubscriptionState(enum.Enum):
    """Stripe's eight states, and also the states of the saga."""

    INCOMPLETE = "incomplete"
    """The first payment has not come yet; for 23 hours, or as long as a payment is on its way."""
    INCOMPLETE_EXPIRED = "incomplete_expired"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    """A renewal failed and is tried again; access lasts through the grace."""
    UNPAID = "unpaid"
    """Every try failed: no access, and no try but the person's own."""
    PAUSED = "paused"
    """Rests with what is left of the period, without access and renewals."""
    CANCELED = "canceled"

    @property
    def is_over(self) -> bool:
        """Whether nothing follows."""
        return self in {SubscriptionState.CANCELED, SubscriptionState.INCOMPLETE_EXPIRED}


class PaymentSource(enum.Enum):
    """What a period is paid with."""

    WALLET = "wallet"
    CARD = "card"
    VOUCHER = "voucher"
    """Cash at a shop, for one or more periods ahead; never by itself."""


class InvoiceState(enum.Enum):
    """How an invoice stands; all but open are final."""

    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


class LineKind(enum.Enum):
    """What a line of an invoice is for."""

    PERIOD = "period"
    UNUSED = "unused"
    """What is credited of the plan that is left: below zero."""
    REST = "rest"
    """The rest of the period on the new plan."""


@dataclass(frozen=True, slots=True)
class BillingRules:
    """What billing goes by. The tries are counted from the first, which is when a period begins."""

    retry_after: tuple[timedelta, ...] = (timedelta(days=1), timedelta(days=3), timedelta(days=5))
    grace: timedelta = timedelta(days=3)
    """How long access lasts after the last try."""
    incomplete_for: timedelta = timedelta(hours=23)
    unpaid_for: timedelta = timedelta(days=30)
    remind_before: timedelta = timedelta(days=3)
    leeway: timedelta = timedelta(hours=6)
    """How long access outlasts a period that renews by itself, so that none is cut off while the renewal is made."""

    def __post_init__(self) -> None:
        """ValueError when dunning could outlast a period, which has at least 28 days."""
        if list(self.retry_after) != sorted(self.retry_after) or not self.retry_after:
            raise ValueError("tries follow one another")
        if not self.leeway < self.dunning <= timedelta(days=27):
            raise ValueError("tries and grace last longer than the leeway, and at most 27 days")

    @property
    def dunning(self) -> timedelta:
        """From the moment that a period was due until access ends."""
        return self.retry_after[-1] + self.grace


@dataclass(frozen=True, slots=True)
class SubscriptionFacts:
    """What is known beside the saga: plans that it names, and whether creator and subscriber may still deal."""

    plans: dict[int, PlanTerms]
    is_welcome: bool
    """Neither account is closed, and the creator did not block the subscriber."""
    had_trial: bool
    fee_basis_points: int
    vat_basis_points: int


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """A line in piastres. `period` numbers the periods of a subscription from 0; a credit is below zero."""

    kind: LineKind
    plan_id: int
    period: int
    starts_at: int
    ends_at: int
    amount: int


@dataclass(frozen=True, slots=True)
class KeepInvoice(Projection):
    """Write an invoice, or how it stands now. Each period is paid by one invoice."""

    number: int
    state: InvoiceState
    lines: tuple[InvoiceLine, ...]
    total: int
    transfer_key: str = ""


@dataclass(frozen=True, slots=True)
class KeepSubscription(Projection):
    """Write what people and social see; an event tells when it is something else than before. Moments in seconds."""

    subscriber_id: int
    creator_id: int
    plan_id: int
    next_plan_id: int
    state: SubscriptionState
    source: PaymentSource
    price: int
    period: int
    period_start: int
    period_end: int
    access_until: int
    cancel_at_end: bool
    problem: str
    charge: str
    instrument_id: int


@dataclass(frozen=True, slots=True)
class Remind(Projection):
    """Tell that a period ends soon. `amount` in piastres is what will be taken then, 0 when nothing is."""

    subscriber_id: int
    creator_id: int
    plan_id: int
    due_at: int
    amount: int


@dataclass(frozen=True, slots=True)
class AnswerSignal(Projection):
    """Write what came of a signal, for whoever sent it."""

    signal_id: int
    result: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as its people see it. `instruction` is what there is to do for a payment that is open."""

    subscription_id: int
    subscriber_id: int
    creator_id: int
    plan_id: int
    next_plan_id: int
    state: SubscriptionState
    source: PaymentSource
    price: int
    period: int
    period_start: datetime
    period_end: datetime
    access_until: datetime
    cancel_at_end: bool
    problem: str
    started_at: datetime
    changed_at: datetime
    instruction: str = ""
    instruction_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice of a subscription, numbered from 1 in it. Amounts in piastres."""

    invoice_id: int
    subscription_id: int
    number: int
    state: InvoiceState
    total: int
    lines: Sequence[InvoiceLine]
    transfer_id: int
    made_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class SubscriptionOrder:
    """A subscription that somebody asks for; `periods` are those paid ahead by voucher, else 1."""

    subscriber_id: int
    plan_id: int
    source: PaymentSource
    instrument_id: int
    periods: int
    key: str
    body: bytes = field(repr=False)
