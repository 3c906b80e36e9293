"""A subscription to a creator: begun, renewed, tried again, ended. Money moves only with the state that it buys.

incomplete ─► trialing ─► active ◄──► paused
  │    └──────────────────▲  │ ▲
  ▼                       │  ▼ │
incomplete_expired        past_due ─► unpaid        each may end as canceled
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.payments.domain.backoff import inquiry_delay
from services.payments.domain.billing_periods import moment
from services.payments.domain.providers import Operation, OperationState, ProviderAnswer
from services.payments.domain.saga import Ask, Move, Saga, Sleep, Step, StuckError
from services.payments.domain.subscription_billing import Choice, Situation, State, collect, void_open
from services.payments.domain.subscription_commands import command, unpause
from services.payments.domain.subscription_contract import Contract, quote_fresh, quote_next
from services.payments.domain.subscription_settlement import cancel, settle
from services.payments.domain.subscriptions import (
    SUBSCRIPTION,
    BillingRules,
    InvoiceState,
    PaymentSource,
    Remind,
    SubscriptionFacts,
)
from services.payments.domain.transfers import LedgerOutcome


@dataclass(frozen=True, slots=True)
class SubscriptionMachine:
    """Its states are Stripe's eight. At most one charge of a provider is on its way at a time."""

    rules: BillingRules = field(default_factory=BillingRules)
    kind: str = SUBSCRIPTION

    def next(self, saga: Saga, now: datetime) -> Step:
        """What a subscription does in each of its states."""
        return self._choose(saga, now).step

    def refused(self, saga: Saga, outcome: LedgerOutcome, now: datetime) -> Move:
        """A try that the ledger refused; money that came and cannot be booked goes to the subscriber's wallet."""
        otherwise = self._choose(saga, now).otherwise
        if otherwise is None:
            raise StuckError(f"the ledger says {outcome.value} to a subscription that is {saga.state}")
        return otherwise(outcome)

    def answered(self, saga: Saga, operation: Operation, answer: ProviderAnswer, now: datetime) -> Move:  # noqa: ARG002 - of the protocol
        """The answer is written down; the next step goes by it."""
        if answer.never_seen:
            # Sent again under the same reference.
            again = {"charge_epoch": saga.epoch, "charge_again": True}
            return Move(saga.state, "the provider never saw it", now, data=again, attempts=saga.attempts)
        attempts = 0 if answer.state.is_settled else saga.attempts + 1
        return Move(saga.state, "the provider answered", now, data={"charge_again": False}, attempts=attempts)

    def _choose(self, saga: Saga, now: datetime) -> Choice:  # noqa: PLR0911 - one a state
        if not isinstance(saga.facts, SubscriptionFacts):
            raise StuckError("nothing is known of its plan")
        s = Situation(saga, Contract.read(saga.data), saga.facts, self.rules, now)
        charge = saga.operations.get(s.contract.charge)
        if charge is not None and charge.state.is_settled:
            return settle(s, charge)
        if saga.signals:
            return command(s, saga.signals[0])
        match s.state:
            case State.INCOMPLETE:
                return _begin(s)
            case State.TRIALING | State.ACTIVE:
                return _run(s)
            case State.PAST_DUE:
                return _dun(s)
            case State.UNPAID:
                return _lie(s)
            case State.PAUSED:
                until = s.contract.pause_until
                return unpause(s) if s.now >= until else Choice(Sleep(moment(until)))
        raise StuckError(f"a subscription never is {saga.state} and goes on")


def _begin(s: Situation) -> Choice:
    c = s.contract
    if c.charge:
        return _await(s)
    expires = s.saga.started_at + s.rules.incomplete_for
    refusal = _refusal(s)
    if c.tries == 0 and refusal:
        return Choice(_expire(s, refusal))
    if s.at >= expires:
        return Choice(_expire(s, "not paid"))
    if c.tries:
        return Choice(Sleep(expires))
    if s.plan.trial_days and not s.facts.had_trial and c.source != PaymentSource.VOUCHER.value:
        return Choice(_try_out(s))
    return collect(s, quote_fresh(c, s.plan, s.now, c.periods), "begun")


def _refusal(s: Situation) -> str:
    if not s.facts.is_welcome:
        return "unwelcome"
    return "archived" if s.plan.is_archived else ""


def _expire(s: Situation, reason: str) -> Move:
    problem = s.contract.problem or ("" if s.contract.tries else reason)
    c = replace(s.contract, has_open_invoice=False, problem=problem)
    return s.move(State.INCOMPLETE_EXPIRED, reason, c, *void_open(s.contract))


def _try_out(s: Situation) -> Move:
    until = s.now + s.plan.trial_days * 86_400
    c = replace(
        s.contract, months=s.plan.months, price=s.plan.price_at(until), anchor=until, anchor_period=0,
        period_start=s.now, period_end=until,
    )  # fmt: skip
    return s.move(State.TRIALING, "on trial", c)


def _run(s: Situation) -> Choice:
    c = s.contract
    if s.now < c.period_end and not c.due_at:
        return _await(s, c.period_end) if c.charge else _remind(s)
    if c.charge:
        return _overdue(s)
    if c.cancel_at_end:
        return Choice(cancel(s, "ended with its period"))
    if not s.facts.is_welcome:
        return Choice(cancel(s, "unwelcome"))
    if c.source == PaymentSource.VOUCHER.value and not c.due_at:
        return Choice(cancel(s, "what was paid ahead is over"))
    return collect(s, quote_next(c, s.plan, s.now, 1), "renewed")


def _overdue(s: Situation) -> Choice:
    """A period is over while a charge is on its way: access lasts as long as for any renewal that is not paid."""
    c = s.contract
    if c.cancel_at_end:
        ends = replace(c, give_up=True)
        return _await(s) if c.give_up else Choice(s.move(s.state, "over when the charge is known", ends))
    if not c.due_at:
        return Choice(s.move(s.state, "due while a charge is on its way", replace(c, due_at=c.period_end)))
    ends_at = c.due_at + _in_seconds(s.rules.dunning)
    return _await(s, ends_at) if s.now < ends_at else Choice(_leave_unpaid(s))


def _dun(s: Situation) -> Choice:
    c = s.contract
    ends_at = c.due_at + _in_seconds(s.rules.dunning)
    if s.now >= ends_at:
        return Choice(_leave_unpaid(s))
    if c.charge:
        return _await(s, ends_at)
    if not s.facts.is_welcome:
        return Choice(cancel(s, "unwelcome"))
    if c.next_try and s.now >= c.next_try and c.source != PaymentSource.VOUCHER.value:
        return collect(s, quote_next(c, s.plan, s.now, 1), "renewed after all")
    soonest = min(c.next_try, ends_at) if c.next_try > s.now else ends_at
    return Choice(Sleep(moment(soonest)))


def _leave_unpaid(s: Situation) -> Move:
    c = replace(
        s.contract, has_open_invoice=False, due_at=0, tries=0, next_try=0,
        unpaid_until=s.now + _in_seconds(s.rules.unpaid_for),
    )  # fmt: skip
    if s.contract.charge:
        # Its invoice may be paid yet.
        c = replace(c, has_open_invoice=s.contract.has_open_invoice)
        return s.move(State.UNPAID, "no money within the grace", c)
    return s.move(State.UNPAID, "no money within the grace", c, *void_open(s.contract, InvoiceState.UNCOLLECTIBLE))


def _lie(s: Situation) -> Choice:
    c = s.contract
    if c.charge:
        return _await(s)
    if s.now >= c.unpaid_until:
        return Choice(cancel(s, "never paid"))
    return Choice(Sleep(moment(c.unpaid_until)))


def _remind(s: Situation) -> Choice:
    c = s.contract
    at = c.period_end - _in_seconds(s.rules.remind_before)
    if c.cancel_at_end or c.reminded_for == c.period_end or at <= c.period_start:
        return Choice(Sleep(moment(c.period_end)))
    if s.now < at:
        return Choice(Sleep(moment(at)))
    takes = c.source != PaymentSource.VOUCHER.value
    amount = quote_next(c, s.plan, s.now, 1).total if takes else 0
    told = Remind(s.saga.subject_id, c.creator_id, s.plan.plan_id, c.period_end, amount)
    return Choice(s.move(s.state, "reminded", replace(c, reminded_for=c.period_end), told))


def _await(s: Situation, timer: int = 0) -> Choice:
    """Ask the provider, or sleep until it is asked again or `timer` (seconds, 0 none) comes."""
    c, operation = s.contract, s.saga.operations[s.contract.charge]
    if operation.state is OperationState.INTENDED or c.charge_again:
        # Another runner may have sent it and died before it could write down the answer.
        return Choice(Ask(c.charge, inquire=c.charge_epoch != s.saga.epoch))
    due = s.saga.changed_at + inquiry_delay(s.saga.attempts)
    if s.at >= due:
        return Choice(Ask(c.charge, inquire=True))
    return Choice(Sleep(min(due, moment(timer)) if timer else due))


def _in_seconds(span: timedelta) -> int:
    return int(span.total_seconds())
