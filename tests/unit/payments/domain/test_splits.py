"""Splits are exact for every amount and every rate."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.payments.domain.splits import BASIS_POINTS, share, split_tip
from services.payments.domain.tips import TIP_MAX, TIP_MIN

AMOUNTS = st.integers(1, 10**15)
RATES = st.integers(0, BASIS_POINTS)


@given(AMOUNTS, st.integers(0, 5_000), RATES)
def test_parts_sum_to_the_amount(amount: int, fee_rate: int, vat_rate: int) -> None:
    try:
        split = split_tip(amount, fee_basis_points=fee_rate, vat_basis_points=vat_rate)
    except ValueError:
        # Half a piastre rounds up somewhere; only amounts of a few piastres can be eaten whole.
        assert amount <= 2
        return
    assert split.fee + split.vat + split.received == split.amount == amount
    assert min(split.fee, split.vat) >= 0
    assert split.received > 0


@given(AMOUNTS, RATES)
def test_share_is_the_nearest_piastre_halves_to_even(amount: int, rate: int) -> None:
    # Python's own rounding of an exact fraction is half to even.
    assert share(amount, rate) == round(Fraction(amount * rate, BASIS_POINTS))


def test_every_tip_up_to_a_hundred_pounds_at_the_rates_of_today() -> None:
    for amount in [*range(TIP_MIN, 10_000), TIP_MAX]:
        split = split_tip(amount, fee_basis_points=500, vat_basis_points=1400)
        assert split.fee == round(Fraction(amount, 20))
        assert split.vat == round(Fraction(split.fee * 14, 100))
        assert split.fee + split.vat + split.received == amount


@pytest.mark.parametrize(
    ("amount", "fee", "vat", "received"),
    [(100, 5, 1, 94), (110, 6, 1, 103), (130, 6, 1, 123), (1_990, 100, 14, 1_876), (1_000_000, 50_000, 7_000, 943_000)],
)
def test_known_splits(amount: int, fee: int, vat: int, received: int) -> None:
    split = split_tip(amount, fee_basis_points=500, vat_basis_points=1400)
    assert (split.fee, split.vat, split.received) == (fee, vat, received)


@pytest.mark.parametrize(
    ("amount", "fee_rate", "vat_rate"),
    [(0, 500, 1400), (-1, 500, 1400), (100, -1, 0), (100, 10_001, 0), (100, 500, 10_001), (100, 10_000, 0)],
)
def test_nonsense_is_refused(amount: int, fee_rate: int, vat_rate: int) -> None:
    with pytest.raises(ValueError, match=r"amount|rates"):
        split_tip(amount, fee_basis_points=fee_rate, vat_basis_points=vat_rate)
