"""What became of a subscription's charge, and where money goes that came too late."""

from __future__ import annotations

from dataclasses import replace

from services.payments.domain.billing_periods import moment, period_start
from services.payments.domain.payout_machine import provider_fee
from services.payments.domain.providers import Operation, OperationState
from services.payments.domain.saga import Action, GiveBackLimit, Move, Signal
from services.payments.domain.subscription_billing import (
    LIMIT_FROM,
    Choice,
    Situation,
    State,
    failed,
    invoice_of,
    paid,
    transfer,
    void_open,
)
from services.payments.domain.subscription_contract import Contract, Quote
from services.payments.domain.subscriptions import InvoiceState
from services.payments.domain.transfers import Transfer, TransferKind, legs


def settle(s: Situation, operation: Operation) -> Choice:
    """What follows from a charge whose outcome is known."""
    quote, gave_up = Quote.read(s.contract.charge_quote), s.contract.give_up
    done = replace(s.contract, charge="", charge_quote="", give_up=False, charge_is_own=False)
    calm = replace(s, contract=done)
    if operation.state is not OperationState.SUCCEEDED:
        back: tuple[Action, ...] = ()
        if quote.total >= LIMIT_FROM:
            counted_at = moment(s.contract.charged_at)
            back = (GiveBackLimit(s.saga.subject_id, "subscription", quote.total, counted_at),)
        if gave_up:
            return Choice(cancel(calm, "its subscriber gave up", *back))
        return Choice(failed(calm, quote, "declined", None, *back, counts=not s.contract.charge_is_own))
    if gave_up or not s.facts.is_welcome:
        return Choice(put_aside(calm, operation, "it was given up", ends=True))
    if quote.purpose == "upgrade" and _is_late(calm, quote):
        return Choice(put_aside(calm, operation, "the period went by", ends=False))
    if s.state in {State.INCOMPLETE, State.UNPAID} or quote.end <= s.now:
        quote = _from_now(quote, done, s.now)
    c, invoices, key = invoice_of(calm, quote, InvoiceState.PAID)
    money = transfer(calm, quote, key, operation.rail.clearing)
    step = calm.move(
        State.ACTIVE, "the provider has the money", paid(calm, c, quote), money, *_fee(operation), *invoices
    )
    return Choice(step, lambda outcome: put_aside(calm, operation, outcome.value, ends=True))


def _is_late(s: Situation, quote: Quote) -> bool:
    c = s.contract
    base = quote.first_period - (quote.months != c.months)
    return s.state is not State.ACTIVE or c.due_at > 0 or c.period != base or c.period_end <= s.now


def _from_now(quote: Quote, contract: Contract, now: int) -> Quote:
    """Periods begin when they are paid, not when they were asked for."""
    number = contract.period + 1
    end = period_start(now, quote.months, quote.periods)
    return replace(quote, start=now, end=end, first_period=number, anchor=now, anchor_period=number)


def put_aside(s: Situation, operation: Operation, reason: str, *, ends: bool) -> Move:
    """Money for what is no longer wanted or possible: into the subscriber's wallet, of which it is theirs."""
    subscriber, amount = s.saga.subject_id, operation.amount
    moved = legs((operation.rail.clearing, -amount), (subscriber, amount))
    money = Transfer(
        TransferKind.ADJUSTMENT, subscriber, subscriber, amount, f"subscription-back:{operation.operation_id}",
        operation.reference.encode(), moved,
    )  # fmt: skip
    if ends:
        return cancel(s, reason, money, *_fee(operation))
    c = replace(s.contract, has_open_invoice=False, problem="too_late")
    return s.move(s.state, reason, c, money, *_fee(operation), *void_open(s.contract))


def cancel(s: Situation, reason: str, *actions: Action, signal: Signal | None = None) -> Move:
    """The end; nothing is given back of a period that was paid."""
    c = replace(s.contract, has_open_invoice=False)
    return s.move(State.CANCELED, reason, c, *actions, *void_open(s.contract), signal=signal)


def _fee(operation: Operation) -> tuple[Transfer, ...]:
    return (provider_fee(operation, operation.provider_fee),) if operation.provider_fee else ()
