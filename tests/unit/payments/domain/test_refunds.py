"""Refunds of every amount in any parts give back exactly what was taken; bad orders are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import AppError
from services.payments.domain.refunds import MoneyBack, Original, part_of, refund_of
from services.payments.domain.splits import Split, split_tip
from services.payments.domain.transfers import TransferKind, owing

AMOUNTS = st.integers(100, 1_000_000)
RATES = st.integers(0, 4_000)
ORDER = MoneyBack(7, 0, "اشتكى المشتري", "k", b"h", asked_by=5)


@given(AMOUNTS, RATES, RATES, st.lists(st.integers(1, 1_000_000), max_size=8))
def test_any_parts_together_are_the_whole(amount: int, fee: int, vat: int, wanted: list[int]) -> None:
    paid = split_tip(amount, fee_basis_points=fee, vat_basis_points=vat)
    before, parts = 0, []
    while before < amount:
        left = amount - before
        part = part_of(paid, before, min(wanted.pop(), left) if wanted else left)
        # In proportion, to less than a piastre on either side.
        assert abs((part.fee + part.vat) * amount - part.amount * (paid.fee + paid.vat)) < amount
        assert min(part.received, part.fee, part.vat) >= 0
        before += part.amount
        parts.append(part)
    for name in ("amount", "received", "fee", "vat"):
        assert sum(getattr(part, name) for part in parts) == getattr(paid, name)


def test_piastre_by_piastre_no_leg_is_ever_below_zero() -> None:
    paid = Split(1_000, 400, 56)
    parts = [part_of(paid, before, 1) for before in range(1_000)]
    assert all(part.fee + part.vat + part.received == 1 for part in parts)
    assert (sum(part.fee for part in parts), sum(part.vat for part in parts)) == (400, 56)


@pytest.mark.parametrize(("before", "amount"), [(0, 0), (0, 101), (100, 1), (-1, 1), (1, -1)])
def test_no_more_than_is_left_and_no_less_than_something(before: int, amount: int) -> None:
    with pytest.raises(ValueError, match="left"):
        part_of(Split(100, 5, 1), before, amount)


def test_all_that_is_left_is_given_back_when_nothing_is_said() -> None:
    tip = Original(7, TransferKind.TIP, 11, 12, Split(1_990, 100, 14), 77)
    refund = refund_of(ORDER, tip, 1_000)
    assert (refund.amount, refund.reverses, refund.post_id, refund.key) == (990, 7, 77, "5:k")
    first, rest = part_of(tip.paid, 0, 1_000), part_of(tip.paid, 1_000, 990)
    assert (first.fee + rest.fee, first.vat + rest.vat) == (100, 14)


def test_what_the_wallet_does_not_hold_is_owed() -> None:
    tip = Original(7, TransferKind.TIP, 11, 12, Split(1_000, 50, 7))
    refund = refund_of(ORDER, tip, 0)
    for available, legs in ((5_000, {12: -943}), (943, {12: -943}), (43, {12: -43, -12: -900}), (0, {-12: -943})):
        split = owing(refund, available)
        assert {leg.account_id: leg.amount for leg in split.legs if abs(leg.account_id) == 12} == legs
        assert sum(leg.amount for leg in split.legs) == 0


@pytest.mark.parametrize(
    ("kind", "before", "reason"),
    [
        (TransferKind.TOP_UP, 0, "NOT_REFUNDABLE"),
        (TransferKind.PAYOUT, 0, "NOT_REFUNDABLE"),
        (TransferKind.REFUND, 0, "NOT_REFUNDABLE"),
        (TransferKind.TIP, 1_000, "REFUND_EXCEEDS_ORIGINAL"),
    ],
)
def test_what_is_not_given_back(kind: TransferKind, before: int, reason: str) -> None:
    with pytest.raises(AppError) as caught:
        refund_of(ORDER, Original(7, kind, 11, 12, Split(1_000, 50, 7)), before)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("subject", "amount", "reason", "fields"),
    [
        (0, 1, "why", ["id"]),
        (2**63, 1, "why", ["id"]),
        (1, -1, "why", ["amount_piastres"]),
        (1, 10**12 + 1, "why", ["amount_piastres"]),
        (1, 1, "", ["reason"]),
        (1, 1, "x" * 201, ["reason"]),
        (1, 1, "two\nlines", ["reason"]),
        (-1, -1, "", ["id", "amount_piastres", "reason"]),
    ],
)
def test_every_bad_field_is_named(subject: int, amount: int, reason: str, fields: list[str]) -> None:
    with pytest.raises(AppError) as caught:
        MoneyBack(subject, amount, reason, "k", b"").check()
    assert [violation.field for violation in caught.value.field_violations] == fields
