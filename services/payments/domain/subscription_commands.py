"""What people ask of a running subscription: cancel, resume, another plan, pause, pay."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from services.payments.domain.billing_periods import rest_of
from services.payments.domain.saga import Signal
from services.payments.domain.subscription_billing import Choice, Situation, State, collect
from services.payments.domain.subscription_contract import Quote, quote_fresh, quote_next, quote_upgrade
from services.payments.domain.subscription_settlement import cancel
from services.payments.domain.subscriptions import PaymentSource

CANCEL: Final = "cancel"
RESUME: Final = "resume"
CHANGE_PLAN: Final = "change_plan"
PAUSE: Final = "pause"
UNPAUSE: Final = "unpause"
PAY: Final = "pay"

NOT_POSSIBLE: Final = "not_possible"
BUSY: Final = "busy"
"""A payment is on its way."""
_DAY: Final = 86_400


def command(s: Situation, signal: Signal) -> Choice:  # noqa: PLR0911 - one a command
    """What a signal does. One that the state does not allow is answered so and changes nothing."""
    if signal.name == CANCEL:
        return _cancel(s, signal, at_end=signal.data.get("at_end") is True)
    if signal.name == RESUME:
        return _resume(s, signal)
    if s.contract.charge:
        return _nothing(s, signal, BUSY)
    match signal.name:
        case "change_plan":
            return _change_plan(s, signal, _number(signal, "plan_id"))
        case "pause":
            return _pause(s, signal, _number(signal, "days"))
        case "unpause":
            return unpause(s, signal) if s.state is State.PAUSED else _nothing(s, signal)
        case "pay":
            return _pay(s, signal)
    return _nothing(s, signal)


def _cancel(s: Situation, signal: Signal, *, at_end: bool) -> Choice:
    c = s.contract
    if at_end and s.state in {State.TRIALING, State.ACTIVE} and not c.due_at:
        contract = replace(c, cancel_at_end=True, next_plan_id=0)
        return Choice(s.move(s.state, "to end with the period", contract, signal=signal))
    if c.charge:
        # The provider may have the money already: it is over when that is known.
        return Choice(s.move(s.state, "given up", replace(c, give_up=True), signal=signal, result="pending"))
    return Choice(cancel(s, "its subscriber ended it", signal=signal))


def _resume(s: Situation, signal: Signal) -> Choice:
    if s.state not in {State.TRIALING, State.ACTIVE} or not s.contract.cancel_at_end:
        return _nothing(s, signal)
    return Choice(s.move(s.state, "goes on", replace(s.contract, cancel_at_end=False), signal=signal))


def _change_plan(s: Situation, signal: Signal, plan_id: int) -> Choice:  # noqa: PLR0911 - one a case
    c, plan = s.contract, s.facts.plans.get(plan_id)
    if s.state not in {State.TRIALING, State.ACTIVE} or c.due_at or c.cancel_at_end or plan is None:
        return _nothing(s, signal)
    if plan.creator_id != c.creator_id or plan.is_archived or not s.facts.is_welcome:
        return _nothing(s, signal)
    if plan_id == c.plan_id:
        return Choice(s.move(s.state, "stays with its plan", replace(c, next_plan_id=0), signal=signal))
    later = replace(c, next_plan_id=plan_id)
    if s.state is State.TRIALING:
        return Choice(s.move(s.state, "another plan after the trial", later, signal=signal))
    quote = _upgrade(s, plan_id)
    if (quote.price <= c.price and quote.months <= c.months) or quote.total < 0:
        return Choice(s.move(s.state, "another plan from the next period", later, signal=signal))
    if quote.total == 0:
        free = replace(c, plan_id=plan_id, price=quote.price, next_plan_id=0)
        return Choice(s.move(s.state, "another plan, with nothing to pay", free, signal=signal))
    # What was bought by voucher is topped up out of the wallet: nobody waits days for the rest of a month.
    by = PaymentSource.WALLET.value if c.source == PaymentSource.VOUCHER.value else c.source
    return collect(s, quote, "another plan from now on", signal, by=by)


def _upgrade(s: Situation, plan_id: int) -> Quote:
    c, plan = s.contract, s.facts.plans[plan_id]
    credit = rest_of(c.paid, c.period_start, c.period_end, s.now)
    price = plan.price_at(s.now)
    if plan.months != c.months:
        return quote_upgrade(c, plan, s.now, (credit, price))
    # Several periods that were paid ahead are one span: each of them costs the difference.
    cost = rest_of(price * c.span_periods, c.period_start, c.period_end, s.now)
    return quote_upgrade(c, plan, s.now, (credit, cost))


def _pause(s: Situation, signal: Signal, days: int) -> Choice:
    c = s.contract
    if s.state is not State.ACTIVE or c.due_at or c.cancel_at_end or s.now >= c.period_end:
        return _nothing(s, signal)
    contract = replace(c, paused_left=c.period_end - s.now, pause_until=s.now + days * _DAY)
    return Choice(s.move(State.PAUSED, "rests", contract, signal=signal))


def unpause(s: Situation, signal: Signal | None = None) -> Choice:
    """On with what was left of the period; the next one is anchored to its new end."""
    c = s.contract
    end = s.now + c.paused_left
    contract = replace(
        c, period_start=c.period_start + end - c.period_end, period_end=end, anchor=end, anchor_period=c.period + 1,
        paused_left=0, pause_until=0,
    )  # fmt: skip
    return Choice(s.move(State.ACTIVE, "goes on after a rest", contract, signal=signal))


def _pay(s: Situation, signal: Signal) -> Choice:
    c = s.contract
    source, periods = str(signal.data.get("source")), _number(signal, "periods")
    by_voucher = source == PaymentSource.VOUCHER.value
    card = replace(c, instrument_id=_number(signal, "instrument_id"), rail=str(signal.data.get("rail", "")))
    chosen = card if source == PaymentSource.CARD.value else c
    if s.state in {State.TRIALING, State.ACTIVE} and not c.due_at:
        if by_voucher and s.state is State.ACTIVE and not c.cancel_at_end and s.facts.is_welcome:
            quote = quote_next(c, s.plan, s.now, periods)
            return collect(s, quote, "bought ahead", signal, by=source)
        if by_voucher:
            return _nothing(s, signal)
        return Choice(s.move(s.state, "paid otherwise from now on", replace(chosen, source=source), signal=signal))
    if s.state is State.PAUSED or not s.facts.is_welcome:
        return _nothing(s, signal)
    payer = replace(s, contract=replace(chosen, source=source, periods=periods))
    fresh = s.state in {State.INCOMPLETE, State.UNPAID}
    quote = (quote_fresh if fresh else quote_next)(c, s.plan, s.now, periods)
    return collect(payer, quote, "paid by its subscriber", signal)


def _nothing(s: Situation, signal: Signal, result: str = NOT_POSSIBLE) -> Choice:
    return Choice(s.move(s.state, f"{signal.name}: {result}", s.contract, signal=signal, result=result))


def _number(signal: Signal, name: str) -> int:
    value = signal.data.get(name, 0)
    return value if isinstance(value, int) else 0
