"""What goes to providers and comes from them: exact amounts, signatures, and nothing believed that is not signed."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.config import Secret
from services.chassis.ids import MAX_ID
from services.payments.adapters.providers.callbacks import (
    Arrived,
    FawryNotices,
    ForgedError,
    PaymobDisbursements,
    PaymobTransactions,
)
from services.payments.adapters.providers.egp import egp, piastres
from services.payments.adapters.providers.paymob_payouts import client_reference, operation_id_of
from services.payments.domain.providers import Operation, OperationKind, OperationState, Rail

SECRET = "a secret of the tests"
OPERATION = Operation(77, 1, "payout", OperationKind.PAYOUT, Rail.BANK, 12_345)
CHARGE = Operation(77, 1, "charge", OperationKind.CHARGE, Rail.CARD, 12_345, provider_reference="217503754")
# As the provider's page has it: the order of the fields is theirs.
TRANSACTION = {
    "id": 192036465, "pending": False, "amount_cents": 12345, "success": True, "is_auth": False, "is_capture": False,
    "is_standalone_payment": True, "is_voided": False, "is_refunded": False, "is_3d_secure": True,
    "integration_id": 4097558, "has_parent_transaction": False,
    "order": {"id": 217503754, "merchant_order_id": "daira-77"}, "created_at": "2026-06-13T11:33:44.592345",
    "currency": "EGP", "error_occured": False, "owner": 302852,
    "source_data": {"pan": "2346", "type": "card", "sub_type": "MasterCard"}, "fee_cents": 639,
}  # fmt: skip
SIGNED = (
    "123452026-06-13T11:33:44.592345EGPfalsefalse1920364654097558truefalsefalsefalse"
    "truefalse217503754302852false2346MasterCardcardtrue"
)  # fmt: skip


def paymob(**changes: Any) -> Arrived:
    body = json.dumps({"type": "TRANSACTION", "obj": TRANSACTION | changes}).encode()
    signature = hmac.new(SECRET.encode(), SIGNED.encode(), hashlib.sha512).hexdigest()
    return Arrived(body, {"hmac": signature}, {})


@given(st.integers(0, 10**13))
def test_pounds_and_piastres_are_exact_both_ways(amount: int) -> None:
    assert piastres(egp(amount)) == amount
    assert piastres(float(egp(amount % 10**9))) == amount % 10**9


@pytest.mark.parametrize("text", ["", "1.234", "-1", "NaN", "Infinity", "1e99", None, "١٢x", [], {}])
def test_what_is_no_exact_amount_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="amount"):
        piastres(text)


@given(st.integers(1, MAX_ID))
def test_a_reference_names_its_operation_for_ever(operation_id: int) -> None:
    operation = Operation(operation_id, 1, "payout", OperationKind.PAYOUT, Rail.BANK, 1)
    reference = client_reference(operation)
    assert operation_id_of(reference) == operation_id
    assert reference[14] == "8"
    assert reference[19] in "89ab"


@given(st.uuids(version=4))
def test_a_uuid_of_somebody_else_is_none_of_ours(stranger: object) -> None:
    with pytest.raises(ValueError, match="not a reference of ours"):
        operation_id_of(stranger)


def test_a_transaction_is_believed_by_its_signature() -> None:
    reader, arrived = PaymobTransactions(Secret(SECRET.encode())), paymob()
    reader.check(arrived)
    assert reader.operation_id(arrived.raw) == 77
    answer = reader.answer(arrived.raw, CHARGE)
    assert (answer.state, answer.provider_reference, answer.fee) == (OperationState.SUCCEEDED, "217503754", 639)


@pytest.mark.parametrize(
    "arrived",
    [
        paymob(amount_cents=12346),
        paymob(success=False),
        paymob(order={"id": 1, "merchant_order_id": "daira-77"}),
        Arrived(paymob().raw, {}, {}),
        Arrived(paymob().raw, {"hmac": "ü" * 128}, {}),
        Arrived(paymob().raw, {"hmac": paymob().query["hmac"][:-1] + "0"}, {}),
    ],
)
def test_an_altered_or_unsigned_transaction_is_not_believed(arrived: Arrived) -> None:
    with pytest.raises(ForgedError):
        PaymobTransactions(Secret(SECRET.encode())).check(arrived)


def test_what_is_not_signed_decides_nothing() -> None:
    """Our reference is outside the signature; amount and the provider's order are inside, and must be those of ours."""
    reader = PaymobTransactions(Secret(SECRET.encode()))
    moved = paymob(order={"id": 217503754, "merchant_order_id": "daira-78"})
    reader.check(moved)
    assert reader.operation_id(moved.raw) == 78
    for changes in (
        {"amount": 99_999},
        # The same amount: paid once, and then told again of whatever else waits to be paid.
        {"provider_reference": "217503755"},
        {"provider_reference": ""},
    ):
        other = replace(CHARGE, operation_id=78, **changes)
        assert reader.answer(moved.raw, other).state is OperationState.UNKNOWN


def test_a_payouts_callback_is_signed_over_its_body() -> None:
    body = json.dumps(
        {
            "transaction_id": "t1", "client_reference_id": client_reference(OPERATION), "amount": "123.45",
            "fees": "0.50", "disbursement_status": "returned", "status_description": "closed",
        }
    ).encode()  # fmt: skip
    signature = hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()
    reader = PaymobDisbursements(Secret(SECRET.encode()))
    reader.check(Arrived(body, {}, {"x-signature": signature.upper()}))
    assert reader.operation_id(body) == 77
    assert reader.answer(body, OPERATION).state is OperationState.RETURNED
    with pytest.raises(ForgedError):
        reader.check(Arrived(body + b" ", {}, {"x-signature": signature}))


def test_a_notice_of_a_voucher_is_signed_over_its_fields() -> None:
    notice = {
        "fawryRefNumber": "970177", "merchantRefNumber": "daira-77", "paymentAmount": 123.45, "orderAmount": 123.45,
        "orderStatus": "PAID", "paymentMethod": "PAYATFAWRY",
    }  # fmt: skip
    text = "970177daira-77123.45123.45PAIDPAYATFAWRY" + SECRET
    signed = notice | {"messageSignature": hashlib.sha256(text.encode()).hexdigest()}
    reader = FawryNotices(Secret(SECRET.encode()))
    body = json.dumps(signed).encode()
    reader.check(Arrived(body, {}, {}))
    assert reader.operation_id(body) == 77
    assert reader.answer(body, OPERATION).state is OperationState.SUCCEEDED
    with pytest.raises(ForgedError):
        reader.check(Arrived(json.dumps(signed | {"orderStatus": "CANCELED"}).encode(), {}, {}))


def test_what_was_paid_in_cash_is_signed_with_the_number_of_the_payment() -> None:
    """The person may pay the provider's fee: it is none of ours then, and the order is of our amount."""
    notice = {
        "fawryRefNumber": "970177", "merchantRefNumber": "daira-77", "paymentAmount": 125.0, "orderAmount": 123.45,
        "fawryFees": 2.55, "orderStatus": "PAID", "paymentMethod": "PAYATFAWRY", "paymentRefrenceNumber": "24480",
    }  # fmt: skip
    text = "970177daira-77125.00123.45PAIDPAYATFAWRY24480" + SECRET
    signed = notice | {"messageSignature": hashlib.sha256(text.encode()).hexdigest()}
    reader = FawryNotices(Secret(SECRET.encode()))
    body = json.dumps(signed).encode()
    reader.check(Arrived(body, {}, {}))
    answer = reader.answer(body, OPERATION)
    assert (answer.state, answer.fee) == (OperationState.SUCCEEDED, 100)
    with pytest.raises(ForgedError):
        reader.check(Arrived(json.dumps(signed | {"paymentRefrenceNumber": "24481"}).encode(), {}, {}))


@given(st.binary(max_size=200))
def test_no_bytes_break_the_readers(raw: bytes) -> None:
    secret = Secret(SECRET.encode())
    for reader in (PaymobTransactions(secret), PaymobDisbursements(secret), FawryNotices(secret)):
        with pytest.raises((ForgedError, ValueError)):
            reader.check(Arrived(raw, {}, {}))
