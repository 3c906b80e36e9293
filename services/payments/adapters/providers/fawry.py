"""Fawry's vouchers: a code that is paid in cash at a shop, within days.

Fields and signatures as in developer.fawrystaging.com, charge request and payment status v2, read November 2026.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from services.chassis.clock import Clock
from services.chassis.config import Secret
from services.payments.adapters.providers.egp import egp, piastres
from services.payments.adapters.providers.http_provider import HttpProvider
from services.payments.domain.providers import NO_ANSWER, Operation, OperationKind, OperationState, ProviderAnswer

_LASTS: Final = timedelta(days=3)
_OK: Final = 200
_METHOD: Final = "PAYATFAWRY"
# 9901 is a wrong merchant and 9946 a wrong signature: those say nothing of the reference.
_NOT_FOUND_CODE: Final = "9938"
_STATES: Final = {
    "PAID": OperationState.SUCCEEDED,
    "DELIVERED": OperationState.SUCCEEDED,
    "NEW": OperationState.PENDING,
    "UNPAID": OperationState.PENDING,
    "EXPIRED": OperationState.DECLINED,
    "CANCELED": OperationState.DECLINED,
    "FAILED": OperationState.DECLINED,
    "REFUNDED": OperationState.RETURNED,
}


class FawryVouchers:
    """Makes vouchers, and asks whether they were paid."""

    def __init__(self, http: HttpProvider, merchant: str, key: Secret, clock: Clock) -> None:
        self._http = http
        self._merchant = merchant
        self._key = key
        self._clock = clock

    async def send(self, operation: Operation) -> ProviderAnswer:
        """Make the voucher; the same one again for the same reference. Cash is not refunded: that is declined."""
        if operation.kind is not OperationKind.CHARGE:
            return ProviderAnswer(OperationState.DECLINED, reason="what was paid in cash is not refunded")
        amount, expires = egp(operation.amount), self._clock.now() + _LASTS
        signed = (self._merchant, operation.reference, "", _METHOD, amount)
        reply = await self._http.call(
            "POST",
            "/ECommerceWeb/Fawry/payments/charge",
            json={
                "merchantCode": self._merchant,
                "merchantRefNum": operation.reference,
                "paymentMethod": _METHOD,
                "amount": amount,
                "currencyCode": "EGP",
                "paymentExpiry": int(expires.timestamp() * 1000),
                "signature": self._signature(*signed),
            },
        )
        if reply is None or reply.status != _OK:
            return NO_ANSWER
        return voucher_answer(reply.body, operation)

    async def inquire(self, operation: Operation) -> ProviderAnswer:
        """Whether it was paid; never_seen only when the provider says that it has nothing of the reference."""
        reply = await self._http.call(
            "GET",
            "/ECommerceWeb/Fawry/payments/status/v2",
            params={
                "merchantCode": self._merchant,
                "merchantRefNumber": operation.reference,
                "signature": self._signature(self._merchant, operation.reference),
            },
        )
        if reply is None or reply.status != _OK:
            return NO_ANSWER
        if str(reply.body.get("statusCode", "")) == _NOT_FOUND_CODE:
            return ProviderAnswer(OperationState.UNKNOWN, never_seen=True)
        return voucher_answer(reply.body, operation)

    def _signature(self, *parts: str) -> str:
        # SHA-256 over the parts with the key at their end is the provider's own scheme.
        return hashlib.sha256("".join(parts).encode() + self._key.reveal()).hexdigest()


def voucher_answer(voucher: Mapping[str, Any], operation: Operation) -> ProviderAnswer:
    """What a voucher says, in an answer or a callback; UNKNOWN when it makes no sense, or is of another amount.

    Where the person pays the provider's fee, it is in the payment's amount and not in the order's.
    """
    state = _STATES.get(str(voucher.get("orderStatus", "")))
    try:
        paid, fees = piastres(voucher.get("paymentAmount")), piastres(voucher.get("fawryFees", "0"))
        amount = piastres(voucher.get("orderAmount", voucher.get("paymentAmount")))
    except ValueError:
        return NO_ANSWER
    if state is None or voucher.get("merchantRefNumber") != operation.reference:
        return NO_ANSWER
    if amount != operation.amount or paid < amount:
        return NO_ANSWER
    code, expires = str(voucher.get("referenceNumber", "")), voucher.get("expirationTime")
    return ProviderAnswer(
        state,
        code,
        fee=max(0, fees - (paid - amount)) if state.is_settled else 0,
        instruction=code if state is OperationState.PENDING else "",
        expires_at=datetime.fromtimestamp(expires / 1000, UTC) if isinstance(expires, int) else None,
    )
