"""Between the protos of subscriptions and the domain."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from google.protobuf.message import Message

from daira.payments.v1 import subscription_requests_pb2 as requests
from daira.payments.v1 import subscriptions_pb2 as pb
from services.chassis.errors import invalid
from services.chassis.idempotency import body_hash, check_key
from services.payments.application.subscription_ports import PriceChange
from services.payments.domain.billing_periods import Interval
from services.payments.domain.plans import NewPlan, Plan
from services.payments.domain.subscriptions import (
    Invoice,
    InvoiceState,
    LineKind,
    PaymentSource,
    Subscription,
    SubscriptionOrder,
    SubscriptionState,
)

_NEVER: Final = datetime.fromtimestamp(0, UTC)
_INTERVALS: Final = {pb.PLAN_INTERVAL_MONTH: Interval.MONTH, pb.PLAN_INTERVAL_YEAR: Interval.YEAR}
_INTERVAL_NUMBERS: Final = {interval: number for number, interval in _INTERVALS.items()}
_SOURCES: Final = {
    pb.PAYMENT_SOURCE_WALLET: PaymentSource.WALLET,
    pb.PAYMENT_SOURCE_CARD: PaymentSource.CARD,
    pb.PAYMENT_SOURCE_VOUCHER: PaymentSource.VOUCHER,
}
_SOURCE_NUMBERS: Final = {source: number for number, source in _SOURCES.items()}
_STATES: Final = {
    SubscriptionState.INCOMPLETE: pb.SUBSCRIPTION_STATE_INCOMPLETE,
    SubscriptionState.INCOMPLETE_EXPIRED: pb.SUBSCRIPTION_STATE_INCOMPLETE_EXPIRED,
    SubscriptionState.TRIALING: pb.SUBSCRIPTION_STATE_TRIALING,
    SubscriptionState.ACTIVE: pb.SUBSCRIPTION_STATE_ACTIVE,
    SubscriptionState.PAST_DUE: pb.SUBSCRIPTION_STATE_PAST_DUE,
    SubscriptionState.CANCELED: pb.SUBSCRIPTION_STATE_CANCELED,
    SubscriptionState.UNPAID: pb.SUBSCRIPTION_STATE_UNPAID,
    SubscriptionState.PAUSED: pb.SUBSCRIPTION_STATE_PAUSED,
}
_INVOICE_STATES: Final = {
    InvoiceState.OPEN: pb.INVOICE_STATE_OPEN,
    InvoiceState.PAID: pb.INVOICE_STATE_PAID,
    InvoiceState.VOID: pb.INVOICE_STATE_VOID,
    InvoiceState.UNCOLLECTIBLE: pb.INVOICE_STATE_UNCOLLECTIBLE,
}
_LINE_KINDS: Final = {
    LineKind.PERIOD: pb.INVOICE_LINE_KIND_PERIOD,
    LineKind.UNUSED: pb.INVOICE_LINE_KIND_UNUSED,
    LineKind.REST: pb.INVOICE_LINE_KIND_REST,
}


def hash_of(request: Message) -> bytes:
    """What stands for a request."""
    return body_hash(request.SerializeToString(deterministic=True))


def new_plan(request: requests.CreatePlanRequest, creator_id: int) -> NewPlan:
    """The plan in a request; AppError INVALID_ARGUMENT naming the field that is wrong."""
    interval = _INTERVALS.get(request.interval)
    if interval is None:
        raise invalid("interval", "must be a month or a year")
    return NewPlan.read(
        creator_id, request.name_ar, request.name_en, interval, request.price_piastres, request.trial_days,
        check_key(request.idempotency_key), hash_of(request),
    )  # fmt: skip


def price_change(request: requests.ChangePlanPriceRequest, creator_id: int) -> PriceChange:
    """The price in a request; AppError INVALID_ARGUMENT for a bad key."""
    key = check_key(request.idempotency_key)
    return PriceChange(
        creator_id, request.plan_id, request.price_piastres, request.effective_in_days, key, hash_of(request)
    )


def source_of(number: pb.PaymentSource.ValueType) -> PaymentSource:
    """A source; AppError INVALID_ARGUMENT for none."""
    source = _SOURCES.get(number)
    if source is None:
        raise invalid("source", "must be wallet, card or voucher")
    return source


def subscription_order(request: requests.SubscribeRequest, subscriber_id: int) -> SubscriptionOrder:
    """The order in a request; AppError INVALID_ARGUMENT naming the field that is wrong."""
    return SubscriptionOrder(
        subscriber_id, request.plan_id, source_of(request.source), request.instrument_id, request.periods,
        check_key(request.idempotency_key), hash_of(request),
    )  # fmt: skip


def plan_message(plan: Plan) -> pb.Plan:
    """A plan."""
    message = pb.Plan(
        plan_id=plan.plan_id, creator_id=plan.creator_id, name_ar=plan.name_ar, name_en=plan.name_en,
        interval=_INTERVAL_NUMBERS[plan.interval], price_piastres=plan.price, trial_days=plan.trial_days,
        next_price_piastres=plan.next_price,
    )  # fmt: skip
    if plan.archived_at is not None:
        message.archived_at.FromDatetime(plan.archived_at)
    if plan.next_price_from is not None:
        message.next_price_from.FromDatetime(plan.next_price_from)
    return message


def subscription_message(found: Subscription, viewer_id: int) -> pb.Subscription:
    """A subscription; how it is paid is its subscriber's own affair."""
    message = pb.Subscription(
        subscription_id=found.subscription_id, subscriber_id=found.subscriber_id, creator_id=found.creator_id,
        plan_id=found.plan_id, next_plan_id=found.next_plan_id, state=_STATES[found.state],
        price_piastres=found.price, period=found.period, cancel_at_period_end=found.cancel_at_end,
    )  # fmt: skip
    for name, at in (
        ("period_start", found.period_start), ("period_end", found.period_end), ("access_until", found.access_until),
        ("started_at", found.started_at), ("changed_at", found.changed_at),
    ):  # fmt: skip
        if at > _NEVER:
            getattr(message, name).FromDatetime(at)
    if viewer_id == found.subscriber_id:
        message.source = _SOURCE_NUMBERS[found.source]
        message.problem, message.instruction = found.problem, found.instruction
        if found.instruction_expires_at is not None:
            message.instruction_expires_at.FromDatetime(found.instruction_expires_at)
    return message


def invoice_message(invoice: Invoice) -> pb.Invoice:
    """An invoice."""
    message = pb.Invoice(
        invoice_id=invoice.invoice_id, subscription_id=invoice.subscription_id, number=invoice.number,
        state=_INVOICE_STATES[invoice.state], total_piastres=invoice.total, transfer_id=invoice.transfer_id,
    )  # fmt: skip
    message.made_at.FromDatetime(invoice.made_at)
    if invoice.settled_at is not None:
        message.settled_at.FromDatetime(invoice.settled_at)
    for line in invoice.lines:
        added = message.lines.add(
            kind=_LINE_KINDS[line.kind], plan_id=line.plan_id, period=line.period, amount_piastres=line.amount
        )
        added.starts_at.FromSeconds(line.starts_at)
        added.ends_at.FromSeconds(line.ends_at)
    return message
