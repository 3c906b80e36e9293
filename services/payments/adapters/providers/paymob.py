"""Paymob's accept side: cards and mobile wallets charged, and charges refunded.

Fields as in developers.paymob.com, read November 2026: intentions, pay by token, transaction inquiry, refund.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from services.payments.adapters.providers.http_provider import HttpProvider, Reply
from services.payments.application.instrument_ports import Instruments
from services.payments.domain.providers import NO_ANSWER, Operation, OperationKind, OperationState, ProviderAnswer, Rail

_METHODS: Final = {Rail.CARD: "card", Rail.MOBILE: "wallet"}
_CREATED: Final = frozenset({200, 201})
# These refuse the request itself: nothing was charged. Others may pass, or say that the reference is known already.
_REFUSALS: Final = frozenset({400, 402, 422})


class PaymobCharges:
    """Charges by hosted page, whose outcome comes by callback or inquiry, or by a card's token; and refunds."""

    def __init__(self, http: HttpProvider, instruments: Instruments, page_url: str) -> None:
        """`page_url` is where people pay an intention: its client secret follows."""
        self._http = http
        self._instruments = instruments
        self._page_url = page_url

    async def send(self, operation: Operation) -> ProviderAnswer:
        """Do it, once a reference however often it is sent."""
        if operation.kind is OperationKind.REFUND:
            return await self._refund(operation)
        if operation.destination_id:
            return await self._charge_token(operation)
        reply = await self._http.call("POST", "/v1/intention/", json=_intention(operation))
        if reply is None or reply.status not in _CREATED:
            return _refused(reply)
        secret, expires = reply.body.get("client_secret"), reply.body.get("expires_at")
        if not isinstance(secret, str):
            return NO_ANSWER
        return ProviderAnswer(
            OperationState.PENDING,
            # What transactions are signed with: their callbacks are told by it, and by nothing that is not signed.
            str(reply.body.get("intention_order_id", "")),
            instruction=f"{self._page_url}{secret}",
            expires_at=datetime.fromtimestamp(expires, UTC) if isinstance(expires, int) else None,
        )

    async def inquire(self, operation: Operation) -> ProviderAnswer:
        """What became of it; never_seen only when the provider says that it has nothing of the reference."""
        reply = await self._http.call(
            "POST", "/api/ecommerce/orders/transaction_inquiry", json={"merchant_order_id": operation.reference}
        )
        if reply is not None and reply.says_not_found:
            return ProviderAnswer(OperationState.UNKNOWN, never_seen=True)
        if reply is None or reply.status not in _CREATED:
            return NO_ANSWER
        return transaction_answer(reply.body, operation.amount)

    async def _charge_token(self, operation: Operation) -> ProviderAnswer:
        card = await self._instruments.open(operation.destination_id)
        body = {**_intention(operation), "source": {"identifier": card.account, "subtype": "TOKEN"}}
        return _settled(await self._http.call("POST", "/api/acceptance/payments/pay", json=body), operation)

    async def _refund(self, operation: Operation) -> ProviderAnswer:
        body = {
            "merchant_order_id": operation.reference,
            "original_merchant_order_id": f"daira-{operation.original_id}",
            "amount_cents": operation.amount,
        }
        return _settled(await self._http.call("POST", "/api/acceptance/void_refund/refund", json=body), operation)


def transaction_answer(transaction: Mapping[str, Any], amount: int) -> ProviderAnswer:
    """What a transaction says, in an answer or a callback; UNKNOWN when it makes no sense or has another amount."""
    if transaction.get("amount_cents") != amount or transaction.get("currency") != "EGP":
        return NO_ANSWER
    reference, fee = order_of(transaction), transaction.get("fee_cents", 0)
    if transaction.get("pending") is True:
        return ProviderAnswer(OperationState.PENDING, reference)
    reason = str(transaction.get("data_message", ""))
    if transaction.get("success") is True:
        state = OperationState.RETURNED if transaction.get("is_voided") is True else OperationState.SUCCEEDED
        # The fee is outside a callback's signature: more than the payment it never is.
        is_fee = isinstance(fee, int) and 0 <= fee <= amount
        return ProviderAnswer(state, reference, reason, fee if is_fee else 0)
    return (
        ProviderAnswer(OperationState.DECLINED, reference, reason) if transaction.get("success") is False else NO_ANSWER
    )


def order_of(transaction: Mapping[str, Any]) -> str:
    """The provider's order that a transaction is of, "" when it names none. It is inside a callback's signature."""
    order = transaction.get("order")
    found = order.get("id") if isinstance(order, Mapping) else None
    return "" if found is None else str(found)


def _intention(operation: Operation) -> dict[str, Any]:
    return {
        "amount": operation.amount,
        "currency": "EGP",
        "payment_methods": [_METHODS[operation.rail]],
        "special_reference": operation.reference,
    }


def _settled(reply: Reply | None, operation: Operation) -> ProviderAnswer:
    if reply is None or reply.status not in _CREATED:
        return _refused(reply)
    return transaction_answer(reply.body, operation.amount)


def _refused(reply: Reply | None) -> ProviderAnswer:
    if reply is None or reply.status not in _REFUSALS or reply.may_say_repeated:
        return NO_ANSWER
    return ProviderAnswer(OperationState.DECLINED, reason=str(reply.body.get("detail", "")))
