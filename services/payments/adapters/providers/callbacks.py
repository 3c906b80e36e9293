"""Callbacks of providers: whether they are theirs, and what they say. Signatures are checked on what arrived."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from services.chassis.config import Secret
from services.chassis.ids import MAX_ID
from services.payments.adapters.providers.egp import egp, piastres
from services.payments.adapters.providers.fawry import voucher_answer
from services.payments.adapters.providers.paymob import order_of, transaction_answer
from services.payments.adapters.providers.paymob_payouts import operation_id_of, payout_answer
from services.payments.domain.providers import NO_ANSWER, Operation, ProviderAnswer

_REFERENCE: Final = "daira-"
# developers.paymob.com, "HMAC transaction callback", read November 2026: these, in this order.
PAYMOB_SIGNED: Final = (
    "amount_cents", "created_at", "currency", "error_occured", "has_parent_transaction", "id", "integration_id",
    "is_3d_secure", "is_auth", "is_capture", "is_refunded", "is_standalone_payment", "is_voided", "order.id", "owner",
    "pending", "source_data.pan", "source_data.sub_type", "source_data.type", "success",
)  # fmt: skip


class ForgedError(Exception):
    """The signature is missing or wrong: whatever it says was not said by the provider."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A callback as it arrived."""

    raw: bytes
    query: Mapping[str, str]
    headers: Mapping[str, str]


class CallbackReader(Protocol):
    """Reads the callbacks of one provider."""

    def check(self, arrived: Arrived) -> None:
        """ForgedError when it is not the provider's. ValueError when nothing of it can be read."""
        ...

    def operation_id(self, raw: bytes) -> int:
        """The operation that it is about. ValueError when it names none of ours."""
        ...

    def answer(self, raw: bytes, operation: Operation) -> ProviderAnswer:
        """What it says of that operation; UNKNOWN when it makes no sense."""
        ...


class PaymobTransactions:
    """Of charges and refunds: `{"obj": transaction}`, with HMAC-SHA512 over 20 fields in the query's `hmac`."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def check(self, arrived: Arrived) -> None:
        """See CallbackReader."""
        transaction = _transaction(arrived.raw)
        expected = paymob_signature(transaction, self._secret.reveal())
        _require(arrived.query.get("hmac", ""), expected)

    def operation_id(self, raw: bytes) -> int:
        """See CallbackReader."""
        order = _transaction(raw).get("order")
        return _own_id(order.get("merchant_order_id") if isinstance(order, Mapping) else None)

    def answer(self, raw: bytes, operation: Operation) -> ProviderAnswer:
        """See CallbackReader; UNKNOWN when it is of an order that the provider did not name for the operation.

        Our own reference is outside the signature, and whoever pays sees a signed transaction of theirs in their
        browser: under another reference it would pay for something else as well.
        """
        transaction = _transaction(raw)
        order = order_of(transaction)
        if not order or order != operation.provider_reference:
            return NO_ANSWER
        return transaction_answer(transaction, operation.amount)


class PaymobDisbursements:
    """Of payouts: the transaction, with HMAC-SHA512 over the body in the header `x-signature`."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def check(self, arrived: Arrived) -> None:
        """See CallbackReader."""
        expected = hmac.new(self._secret.reveal(), arrived.raw, hashlib.sha512).hexdigest()
        _require(arrived.headers.get("x-signature", ""), expected)

    def operation_id(self, raw: bytes) -> int:
        """See CallbackReader."""
        return operation_id_of(_object(raw).get("client_reference_id"))

    def answer(self, raw: bytes, operation: Operation) -> ProviderAnswer:
        """See CallbackReader."""
        return payout_answer(_object(raw), operation)


class FawryNotices:
    """Of vouchers: `messageSignature` is SHA-256 over their fields and the key (server notification v2)."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def check(self, arrived: Arrived) -> None:
        """See CallbackReader."""
        notice = _object(arrived.raw)
        _require(str(notice.get("messageSignature", "")), fawry_signature(notice, self._key.reveal()))

    def operation_id(self, raw: bytes) -> int:
        """See CallbackReader."""
        return _own_id(_object(raw).get("merchantRefNumber"))

    def answer(self, raw: bytes, operation: Operation) -> ProviderAnswer:
        """See CallbackReader."""
        return voucher_answer(_object(raw), operation)


def paymob_signature(transaction: Mapping[str, Any], secret: bytes) -> str:
    """The HMAC of a transaction callback: the values of PAYMOB_SIGNED one after the other, as JSON writes them."""
    text = "".join(_as_text(_at(transaction, path)) for path in PAYMOB_SIGNED)
    return hmac.new(secret, text.encode(), hashlib.sha512).hexdigest()


def fawry_signature(notice: Mapping[str, Any], key: bytes) -> str:
    """The signature of a notice; ValueError when an amount is none."""
    parts = (
        str(notice.get("fawryRefNumber", notice.get("referenceNumber", ""))),
        str(notice.get("merchantRefNumber", "")),
        egp(piastres(notice.get("paymentAmount"))),
        egp(piastres(notice.get("orderAmount"))),
        str(notice.get("orderStatus", "")),
        str(notice.get("paymentMethod", "")),
        # The provider's own spelling; only of what was paid.
        str(notice.get("paymentRefrenceNumber") or ""),
    )
    return hashlib.sha256("".join(parts).encode() + key).hexdigest()


def _require(given: str, expected: str) -> None:
    if not hmac.compare_digest(given.lower().encode(errors="surrogateescape"), expected.encode()):
        raise ForgedError


def _own_id(reference: object) -> int:
    text = str(reference)
    number = text.removeprefix(_REFERENCE)
    if (
        not text.startswith(_REFERENCE)
        or not number.isascii()
        or not number.isdecimal()
        or len(number) > len(str(MAX_ID))
    ):
        raise ValueError("not a reference of ours")
    return int(number)


def _transaction(raw: bytes) -> Mapping[str, Any]:
    found = _object(raw).get("obj")
    if not isinstance(found, Mapping):
        raise ValueError("there is no transaction")  # noqa: TRY004 - of what arrived, not of a programmer's type
    return found


def _object(raw: bytes) -> Mapping[str, Any]:
    found = orjson.loads(raw)
    if not isinstance(found, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - of what arrived, not of a programmer's type
    return found


def _at(values: Mapping[str, Any], path: str) -> object:
    found: object = values
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
