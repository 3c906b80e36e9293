"""Paymob's payout side: money to mobile wallets and bank accounts ("instant cashin").

Fields as in payouts.paymobsolutions.com/docs/instant_cashin_api, read November 2026.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from services.payments.adapters.providers.egp import egp, piastres
from services.payments.adapters.providers.http_provider import HttpProvider
from services.payments.application.instrument_ports import Instruments
from services.payments.domain.instruments import INSTAPAY, Instrument
from services.payments.domain.providers import NO_ANSWER, Operation, OperationState, ProviderAnswer, Rail

# The provider wants a UUID. One of version 8 (RFC 9562) has 122 bits of our own: 48 that say whose it is, and the id.
_OURS: Final = int.from_bytes(b"daira1")
_LOW_BITS: Final = 62
_ISSUERS: Final = {"vodafone": "vodafone", "etisalat": "etisalat", "orange": "orange", "we": "bank_wallet"}
_STATES: Final = {
    "successful": OperationState.SUCCEEDED,
    "success": OperationState.SUCCEEDED,
    "pending": OperationState.PENDING,
    "failed": OperationState.DECLINED,
    "returned": OperationState.RETURNED,
}
_OK: Final = 200
# These refuse the request itself: nothing was paid. Others may pass.
_REFUSALS: Final = frozenset({400, 402, 422})


class PaymobPayouts:
    """Pays out, once a reference however often it is sent."""

    def __init__(self, http: HttpProvider, instruments: Instruments) -> None:
        self._http = http
        self._instruments = instruments

    async def send(self, operation: Operation) -> ProviderAnswer:
        """Do it. AppError NOT_FOUND when the destination is gone."""
        to = await self._instruments.open(operation.destination_id)
        reply = await self._http.call("POST", "/api/secure/disburse/", json=_disbursement(operation, to))
        if reply is None:
            return NO_ANSWER
        if reply.status in _REFUSALS and not reply.may_say_repeated:
            return ProviderAnswer(OperationState.DECLINED, reason=str(reply.body.get("status_description", "")))
        return payout_answer(reply.body, operation) if reply.status == _OK else NO_ANSWER

    async def inquire(self, operation: Operation) -> ProviderAnswer:
        """What became of it; never_seen only when the provider says that it has nothing of the reference."""
        reply = await self._http.call(
            "GET", "/api/secure/transaction/inquire/", params={"client_reference_id": client_reference(operation)}
        )
        if reply is None:
            return NO_ANSWER
        if reply.says_not_found:
            return ProviderAnswer(OperationState.UNKNOWN, never_seen=True)
        return payout_answer(reply.body, operation) if reply.status == _OK else NO_ANSWER


def client_reference(operation: Operation) -> str:
    """The UUID by which the provider knows an operation: the same for ever."""
    high, low = divmod(operation.operation_id, 1 << _LOW_BITS)
    return str(uuid.UUID(int=_OURS << 80 | 8 << 76 | high << 64 | 0b10 << _LOW_BITS | low))


def operation_id_of(reference: object) -> int:
    """The operation that a client reference names; ValueError for one that is not ours."""
    number = uuid.UUID(str(reference)).int
    if number >> 76 != (_OURS << 4 | 8):
        raise ValueError("not a reference of ours")
    return (number >> 64 & 0xFFF) << _LOW_BITS | number & ((1 << _LOW_BITS) - 1)


def payout_answer(transaction: Mapping[str, Any], operation: Operation) -> ProviderAnswer:
    """What a transaction says; UNKNOWN when it makes no sense, or is of another reference or amount."""
    state = _STATES.get(str(transaction.get("disbursement_status", "")))
    try:
        amount, fee = piastres(transaction.get("amount")), piastres(transaction.get("fees", "0"))
    except ValueError:
        return NO_ANSWER
    if state is None or transaction.get("client_reference_id") != client_reference(operation):
        return NO_ANSWER
    if amount != operation.amount:
        return NO_ANSWER
    reason = str(transaction.get("status_description", ""))
    return ProviderAnswer(state, str(transaction.get("transaction_id", "")), reason, fee)


def _disbursement(operation: Operation, to: Instrument) -> dict[str, Any]:
    first, _, last = to.holder_name.partition(" ")
    body = {
        "amount": egp(operation.amount),
        "client_reference_id": client_reference(operation),
        "national_id": to.national_id,
        "first_name": first,
        "last_name": last,
    }
    if operation.rail is Rail.MOBILE:
        # The provider writes numbers as people do: 01012345678.
        return body | {"issuer": _ISSUERS[to.network], "msisdn": f"0{to.account.removeprefix('+20')}"}
    if to.network == INSTAPAY:
        return body | {"issuer": "instant_bank", "ipa": to.account}
    return body | {"issuer": "bank_card", "bank_card_number": to.account, "full_name": to.holder_name}
