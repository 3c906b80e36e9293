"""Collecting a subscription's money: invoices, transfers, charges of a provider, and what follows when a try fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from services.payments.domain.accounts import PlatformAccount
from services.payments.domain.billing_periods import seconds
from services.payments.domain.plans import PlanTerms
from services.payments.domain.providers import OperationKind, Rail
from services.payments.domain.saga import (
    Action,
    Intend,
    Move,
    Saga,
    Signal,
    Step,
    TakeLimit,
)
from services.payments.domain.splits import Split, split_tip
from services.payments.domain.subscription_contract import Contract, Quote
from services.payments.domain.subscriptions import (
    AnswerSignal,
    BillingRules,
    InvoiceState,
    KeepInvoice,
    KeepSubscription,
    PaymentSource,
    SubscriptionFacts,
    SubscriptionState,
)
from services.payments.domain.transfers import LedgerOutcome, Transfer, TransferKind, legs

State = SubscriptionState
# The least that limits let pass: a smaller rest of a period is charged without counting.
LIMIT_FROM: Final = 500
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Choice:
    """A step, and what instead when the ledger refuses it; None when it cannot."""

    step: Step
    otherwise: Callable[[LedgerOutcome], Move] | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """A subscription at a moment."""

    saga: Saga
    contract: Contract
    facts: SubscriptionFacts
    rules: BillingRules
    at: datetime

    @property
    def now(self) -> int:
        """The moment in whole seconds."""
        return seconds(self.at)

    @property
    def state(self) -> SubscriptionState:
        """The state it is in."""
        return SubscriptionState(self.saga.state)

    @property
    def plan(self) -> PlanTerms:
        """The plan of the next period."""
        return self.facts.plans[self.contract.next_plan_id or self.contract.plan_id]

    def move(
        self, to: SubscriptionState, reason: str, contract: Contract, *actions: Action, signal: Signal | None = None,
        result: str = "done",
    ) -> Move:  # fmt: skip
        """A transition, written down for people and social; a signal that caused it is answered."""
        if to in {State.CANCELED, State.UNPAID, State.PAUSED}:
            # Nobody gets at the end what they did not have.
            had = self.contract.access_until(self.state, self.rules)
            contract = replace(contract, ended_at=min(self.now, had))
        answers = () if signal is None else (AnswerSignal(signal.signal_id, result),)
        over = to.is_over
        return Move(
            to.value, reason, None if over else self.at, (*actions, self._kept(to, contract), *answers),
            contract.data(), () if signal is None else (signal.signal_id,),
        )  # fmt: skip

    def _kept(self, to: SubscriptionState, contract: Contract) -> KeepSubscription:
        return KeepSubscription(
            self.saga.subject_id, contract.creator_id, contract.plan_id, contract.next_plan_id, to,
            PaymentSource(contract.source), contract.price, contract.period, contract.period_start,
            contract.period_end, contract.access_until(to, self.rules), contract.cancel_at_end, contract.problem,
            contract.charge, contract.instrument_id,
        )  # fmt: skip

    def split(self, total: int) -> Split:
        """How an amount is split between creator, fee and VAT at today's rates."""
        return split_tip(
            total, fee_basis_points=self.facts.fee_basis_points, vat_basis_points=self.facts.vat_basis_points
        )


def invoice_of(s: Situation, quote: Quote, state: InvoiceState) -> tuple[Contract, tuple[KeepInvoice, ...], str]:
    """The contract with the invoice of a quote, the rows to write, and the key of its transfer.

    An open invoice of another amount is void: it was not what is collected now.
    """
    c, actions = s.contract, []
    number = c.invoice
    if not (c.has_open_invoice and c.invoice_total == quote.total):
        actions += void_open(c)
        number += 1
    key = f"subscription:{s.saga.saga_id}:{number}"
    paid = key if state is InvoiceState.PAID else ""
    actions.append(KeepInvoice(number, state, quote.lines(c), quote.total, paid))
    c = replace(
        c, invoice=number, invoice_total=quote.total, has_open_invoice=state is InvoiceState.OPEN
    )  # fmt: skip
    return c, tuple(actions), key


def void_open(contract: Contract, state: InvoiceState = InvoiceState.VOID) -> list[KeepInvoice]:
    """The open invoice ended without money."""
    if not contract.has_open_invoice:
        return []
    return [KeepInvoice(contract.invoice, state, (), contract.invoice_total)]


def transfer(s: Situation, quote: Quote, key: str, source: int) -> Transfer:
    """The money of a quote, from an account to the creator, the fee and its VAT."""
    split, subscriber, creator = s.split(quote.total), s.saga.subject_id, s.contract.creator_id
    moved = legs(
        (source, -split.amount), (creator, split.received), (PlatformAccount.FEE, split.fee),
        (PlatformAccount.VAT, split.vat),
    )  # fmt: skip
    body = f"{quote.total}:{quote.first_period}:{quote.periods}".encode()
    return Transfer(
        TransferKind.SUBSCRIPTION, subscriber, creator, split.amount, key, body, moved, split.fee, split.vat
    )


def paid(s: Situation, contract: Contract, quote: Quote) -> Contract:
    """The contract once a quote is paid."""
    c = contract
    ahead = quote.purpose == "period" and s.state is State.ACTIVE and not c.due_at
    if quote.purpose == "upgrade" and quote.months == c.months:
        # What is left of the span is worth now what the new plan costs for it.
        worth = quote.price * c.span_periods
        return replace(c, plan_id=quote.plan_id, price=quote.price, paid=worth, next_plan_id=0, problem="")
    start = c.period_start if ahead and quote.start == c.period_end and quote.start > s.now else quote.start
    adds = start != quote.start
    return replace(
        c,
        plan_id=quote.plan_id,
        months=quote.months,
        price=quote.price,
        paid=quote.cost + (c.paid if adds else 0),
        span_periods=quote.periods + (c.span_periods if adds else 0),
        anchor=quote.anchor,
        anchor_period=quote.anchor_period,
        period=quote.first_period + quote.periods - 1,
        period_start=start,
        period_end=quote.end,
        next_plan_id=0 if quote.plan_id == c.next_plan_id else c.next_plan_id,
        due_at=0,
        tries=0,
        next_try=0,
        problem="",
        unpaid_until=0,
    )


def collect(s: Situation, quote: Quote, reason: str, signal: Signal | None = None, *, by: str = "") -> Choice:
    """Take the money of a quote: at once out of the wallet, or by a charge whose answer comes later."""
    # The grace counts from the end of what was paid, also when the time after it is lost because nothing ran.
    source = PaymentSource(by or s.contract.source)
    limit = (TakeLimit(s.saga.subject_id, "subscription", quote.total),) if quote.total >= LIMIT_FROM else ()
    due = s.contract.period_end if quote.purpose == "period" and _was_running(s) and quote.start <= s.now else 0

    def otherwise(outcome: LedgerOutcome) -> Move:
        return failed(s, quote, outcome.value, signal, counts=signal is None)

    if source is PaymentSource.WALLET:
        c, invoices, key = invoice_of(s, quote, InvoiceState.PAID)
        money = transfer(s, quote, key, s.saga.subject_id)
        return Choice(
            s.move(State.ACTIVE, reason, paid(s, c, quote), *limit, money, *invoices, signal=signal), otherwise
        )
    c, invoices, _ = invoice_of(s, quote, InvoiceState.OPEN)
    rail = Rail.VOUCHER if source is PaymentSource.VOUCHER else Rail(c.rail)
    instrument = 0 if source is PaymentSource.VOUCHER else c.instrument_id
    purpose = f"charge_{c.charges + 1}"
    # What a person asks for is written by a process that has no provider: the next to claim it is the first who sends.
    # Whoever comes in another epoch inquires before.
    sends_later = signal is not None or s.state is State.INCOMPLETE
    c = replace(
        c, charge=purpose, charges=c.charges + 1, charge_epoch=s.saga.epoch + sends_later, charge_source=source.value,
        charge_quote=quote.text(), charged_at=s.now, charge_is_own=signal is not None,
        due_at=c.due_at or due,
    )  # fmt: skip
    intend = Intend(purpose, OperationKind.CHARGE, rail, quote.total, instrument)
    return Choice(
        s.move(s.state, f"{reason}: asked the provider", c, *limit, intend, *invoices, signal=signal, result="pending"),
        otherwise,
    )


def _was_running(s: Situation) -> bool:
    return s.state in {State.TRIALING, State.ACTIVE, State.PAST_DUE}


def failed(
    s: Situation, quote: Quote, problem: str, signal: Signal | None = None, *actions: Action, counts: bool
) -> Move:
    """A try that brought no money: what is open is open still, and the next try comes by the rules.

    `counts` is false for what a person tried themselves: dunning has its own tries.
    """
    c = s.contract
    if quote.purpose == "upgrade" or (s.state is State.ACTIVE and quote.start > s.now and not c.due_at):
        # What was to be added is not; everything else goes on.
        end = replace(c, problem=problem, has_open_invoice=False)
        return s.move(s.state, problem, end, *actions, *void_open(c), signal=signal, result=problem)
    c, invoices, _ = invoice_of(s, quote, InvoiceState.OPEN)
    c = replace(c, problem=problem)
    if not _was_running(s):
        c = replace(c, tries=c.tries + 1)
        return s.move(s.state, problem, c, *actions, *invoices, signal=signal, result=problem)
    due = c.due_at or c.period_end
    c = replace(c, due_at=due)
    if counts:
        tries = c.tries + 1
        waits = s.rules.retry_after
        following = 0
        if tries <= len(waits):
            following = max(due + int(waits[tries - 1].total_seconds()), s.now + _HOUR)
        c = replace(c, tries=tries, next_try=following)
    elif c.tries == 0:
        c = replace(c, next_try=s.now)
    return s.move(State.PAST_DUE, problem, c, *actions, *invoices, signal=signal, result=problem)
