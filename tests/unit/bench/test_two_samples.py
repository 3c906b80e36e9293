"""The tests of two samples: known values, and what they find where there is something and where there is nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench.two_samples import compare

ONE, OTHER = [1.1, 2.2, 2.2, 3.5, 4.0, 5.0, 6.5, 7.0], [2.2, 3.0, 4.5, 5.5, 8.0, 9.0, 10.0]
CHANCE = np.random.default_rng(2024)


def test_cliffs_delta_counts_pairs() -> None:
    wins = sum((one > other) - (one < other) for one, other in itertools.product(ONE, OTHER))
    assert compare(ONE, OTHER).delta == pytest.approx(wins / (len(ONE) * len(OTHER)))


def test_the_rank_sums_p_is_the_share_of_divisions_as_uneven() -> None:
    both, found = [*ONE, *OTHER], compare(ONE, OTHER)
    ranks = [sum(other < one for other in both) + (sum(other == one for other in both) + 1) / 2 for one in both]
    middle = sum(ranks) * len(ONE) / len(both)
    away = abs(sum(ranks[: len(ONE)]) - middle)
    sums = [sum(some) for some in itertools.combinations(ranks, len(ONE))]
    exact = sum(abs(one - middle) >= away - 1e-9 for one in sums) / len(sums)
    assert found.rank_p == pytest.approx(exact, abs=0.02)


def test_the_p_of_the_largest_gap_is_the_share_of_shuffles_with_one_as_large() -> None:
    one, other = CHANCE.normal(0, 1, 200), CHANCE.normal(0.2, 1, 200)
    found, both = compare(one, other), np.concatenate([one, other])
    shuffled = []
    for _ in range(1_000):
        CHANCE.shuffle(both)
        shuffled.append(compare(both[:200], both[200:]).ks_p)
    assert found.ks_p == pytest.approx(sum(p <= found.ks_p for p in shuffled) / 1_000, abs=0.06)


def test_one_distribution_is_one() -> None:
    found = [compare(CHANCE.gamma(3, 100, 2_000), CHANCE.gamma(3, 100, 2_000)) for _ in range(50)]
    for p in ("rank_p", "ks_p"):
        below = sum(getattr(one, p) < 0.1 for one in found)
        # About five of fifty; more than sixteen come by chance once in ten thousand times, and the seed is fixed.
        assert below <= 16
    assert all(abs(one.delta) < 0.1 for one in found)


def test_a_shift_of_a_tenth_of_the_spread_is_found_in_five_thousand() -> None:
    one, other = CHANCE.normal(1_000, 100, 5_000), CHANCE.normal(1_010, 100, 5_000)
    found = compare(one, other)
    assert found.rank_p < 0.001
    assert found.ks_p < 0.01
    assert found.delta < -0.03
    assert found.median_difference < 0


def test_another_shape_with_the_same_middle_is_found_by_the_other_test() -> None:
    found = compare(CHANCE.normal(0, 1, 3_000), CHANCE.normal(0, 1.5, 3_000))
    assert found.ks_p < 1e-6
    assert abs(found.delta) < 0.05


def test_equal_values_are_no_difference() -> None:
    found = compare([5.0] * 100, [5.0] * 90)
    assert (found.rank_p, found.ks_p, found.delta) == (1.0, 1.0, 0.0)
