"""Quantiles of a histogram's buckets, as Prometheus reckons them."""

from __future__ import annotations

import pytest

from bench.scenarios.auth_lag import difference, largest, quantile

INFINITY = float("inf")
BEFORE = {0.001: 5.0, 0.002: 5.0, 0.01: 6.0, INFINITY: 6.0}
AFTER = {0.001: 55.0, 0.002: 95.0, 0.01: 106.0, INFINITY: 106.0}


def test_what_was_counted_before_does_not_count() -> None:
    assert difference(BEFORE, AFTER) == {0.001: 50.0, 0.002: 90.0, 0.01: 100.0, INFINITY: 100.0}
    with pytest.raises(LookupError):
        difference(AFTER, AFTER)


@pytest.mark.parametrize(("share", "value"), [(0.5, 0.001), (0.7, 0.0015), (0.95, 0.006), (1.0, 0.01)])
def test_a_value_lies_in_its_bucket_where_its_rank_does(share: float, value: float) -> None:
    assert quantile(difference(BEFORE, AFTER), share) == pytest.approx(value)


def test_above_the_last_edge_nobody_knows_how_far() -> None:
    counted = {0.001: 1.0, 0.002: 1.0, INFINITY: 4.0}
    assert quantile(counted, 0.9) == 0.002
    assert largest(counted) == 0.002
    assert largest(difference(BEFORE, AFTER)) == 0.01
