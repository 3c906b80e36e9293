"""The rate that holds at a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.payments.domain.rates import TIP_FEE, VAT, Rate, RateTable

CHANGE = datetime(2026, 7, 1, tzinfo=UTC)
TABLE = RateTable([
    Rate(TIP_FEE, CHANGE, 300),
    Rate(VAT, datetime(2017, 7, 1, tzinfo=UTC), 1400),
    Rate(TIP_FEE, datetime(2024, 1, 1, tzinfo=UTC), 500),
])  # fmt: skip


def test_a_rate_holds_until_the_next_of_its_name() -> None:
    assert TABLE.basis_points(TIP_FEE, CHANGE - timedelta(microseconds=1)) == 500
    assert TABLE.basis_points(TIP_FEE, CHANGE) == 300
    assert TABLE.basis_points(VAT, CHANGE) == 1400


def test_no_rate_is_not_zero() -> None:
    with pytest.raises(LookupError):
        TABLE.basis_points(TIP_FEE, datetime(2023, 1, 1, tzinfo=UTC))
    with pytest.raises(LookupError):
        TABLE.basis_points("stamp_duty", CHANGE)
