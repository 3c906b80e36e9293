"""The machines of all kinds of sagas, as the settings want them."""

from __future__ import annotations

from datetime import time, timedelta

from services.payments.config import BillingSettings
from services.payments.domain.chargeback_machine import ChargebackMachine
from services.payments.domain.payout_machine import PayoutMachine
from services.payments.domain.saga import Machine
from services.payments.domain.subscription_machine import SubscriptionMachine
from services.payments.domain.subscriptions import BillingRules
from services.payments.domain.top_up_machine import TopUpMachine
from services.payments.domain.top_up_refund_machine import TopUpRefundMachine


def machines(payout_batch_at: time, billing: BillingSettings) -> tuple[Machine, ...]:
    """One of each kind; payouts leave daily at `payout_batch_at` in Cairo, subscriptions are billed by `billing`."""
    return (
        PayoutMachine(payout_batch_at),
        SubscriptionMachine(billing_rules(billing)),
        TopUpMachine(),
        TopUpRefundMachine(),
        ChargebackMachine(),
    )


def billing_rules(settings: BillingSettings) -> BillingRules:
    """What subscriptions are billed by."""
    retries = tuple(timedelta(days=days) for days in settings.retry_days)
    return BillingRules(retry_after=retries, grace=timedelta(days=settings.grace_days))
