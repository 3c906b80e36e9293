"""How each real provider would write an operation down, and sign it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from dev.sandbox_provider.book import Entry
from services.payments.adapters.providers.callbacks import fawry_signature, paymob_signature
from services.payments.adapters.providers.egp import egp

_FAWRY_STATES = {"pending": "UNPAID", "succeeded": "PAID", "declined": "CANCELED", "returned": "REFUNDED"}
_PAYOUT_STATES = {"pending": "pending", "succeeded": "successful", "declined": "failed", "returned": "returned"}


@dataclass(frozen=True, slots=True)
class Keys:
    """What callbacks are signed with."""

    paymob_hmac: bytes
    payouts_hmac: bytes
    fawry: bytes


@dataclass(frozen=True, slots=True)
class Callback:
    """A callback ready to be sent: the last part of the address, query, headers and body."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


def paymob_transaction(entry: Entry, state: str) -> dict[str, Any]:
    """A transaction of the accept side."""
    return {
        "id": entry.number,
        "amount_cents": entry.amount,
        "created_at": datetime.fromtimestamp(entry.made_at, UTC).isoformat(),
        "currency": "EGP",
        "error_occured": False,
        "has_parent_transaction": bool(entry.original),
        "integration_id": 1,
        "is_3d_secure": True,
        "is_auth": False,
        "is_capture": False,
        "is_refunded": False,
        "is_standalone_payment": True,
        "is_voided": state == "returned",
        "order": {"id": entry.number, "merchant_order_id": entry.reference},
        "owner": 1,
        "pending": state == "pending",
        "source_data": {"pan": "2346", "sub_type": "MasterCard", "type": "card"},
        "success": state in {"succeeded", "returned"},
        "fee_cents": entry.fee,
        "data_message": entry.reason,
    }


def payout_transaction(entry: Entry, state: str) -> dict[str, Any]:
    """A transaction of the payout side."""
    return {
        "transaction_id": f"sandbox-{entry.number}",
        "client_reference_id": entry.reference,
        "disbursement_status": _PAYOUT_STATES[state],
        "status_description": entry.reason,
        "amount": egp(entry.amount),
        "fees": egp(entry.fee),
    }


def voucher(entry: Entry, state: str) -> dict[str, Any]:
    """A voucher's status."""
    return {
        "statusCode": 200,
        "referenceNumber": entry.secret,
        "fawryRefNumber": entry.secret,
        "merchantRefNumber": entry.reference,
        "paymentAmount": egp(entry.amount),
        "orderAmount": egp(entry.amount),
        "fawryFees": egp(entry.fee),
        "orderStatus": _FAWRY_STATES[state],
        "paymentMethod": "PAYATFAWRY",
        "paymentRefrenceNumber": f"{entry.number}" if state == "succeeded" else None,
        "expirationTime": None if entry.expires_at is None else int(entry.expires_at * 1000),
    }


def callback_of(entry: Entry, state: str, keys: Keys, *, is_forged: bool) -> Callback:
    """The callback that says a state of an operation; a forged one is signed with another key."""
    if is_forged:
        keys = Keys(b"f" * 32, b"f" * 32, b"f" * 32)
    if entry.shape == "paymob":
        transaction = paymob_transaction(entry, state)
        body = orjson.dumps({"type": "TRANSACTION", "obj": transaction})
        return Callback("paymob", {"hmac": paymob_signature(transaction, keys.paymob_hmac)}, {}, body)
    if entry.shape == "payout":
        body = orjson.dumps(payout_transaction(entry, state))
        signature = hmac.new(keys.payouts_hmac, body, hashlib.sha512).hexdigest()
        return Callback("paymob_payouts", {}, {"x-signature": signature}, body)
    notice = voucher(entry, state)
    body = orjson.dumps(notice | {"messageSignature": fawry_signature(notice, keys.fawry)})
    return Callback("fawry", {}, {}, body)
