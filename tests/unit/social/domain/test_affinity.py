"""An affinity is the decayed count of the likes that stand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.social.domain.affinity import HALF_LIFE_MS, Affinity

DAY_MS = 86_400_000
START_MS = 1_780_000_000_000


def weight_at(affinity: Affinity, now_ms: int) -> float:
    return affinity.weight * math.exp2(-(now_ms - affinity.as_of_ms) / HALF_LIFE_MS)


def test_a_like_counts_half_after_thirty_days() -> None:
    affinity = Affinity()
    affinity.add(START_MS, 1)
    assert weight_at(affinity, START_MS) == 1.0
    assert weight_at(affinity, START_MS + 30 * DAY_MS) == 0.5


def test_a_late_like_does_not_move_the_moment_back() -> None:
    affinity = Affinity()
    affinity.add(START_MS, 1)
    affinity.add(START_MS - 30 * DAY_MS, 1)
    assert (affinity.weight, affinity.as_of_ms) == (1.5, START_MS)


def test_an_unlike_never_leaves_less_than_nothing() -> None:
    affinity = Affinity()
    affinity.add(START_MS, -1)
    assert affinity.weight == 0.0


@given(
    likes=st.lists(
        st.tuples(st.integers(0, 90 * DAY_MS), st.booleans()),
        max_size=30,
    ),
    order=st.randoms(use_true_random=False),
)
def test_the_order_does_not_matter_and_what_is_taken_back_is_gone(likes: list[tuple[int, bool]], order: object) -> None:
    affinity = Affinity()
    moves = [(START_MS + at, 1) for at, _ in likes]
    order.shuffle(moves)  # type: ignore[attr-defined]
    for at_ms, delta in moves:
        affinity.add(at_ms, delta)
    for at, is_taken_back in likes:
        if is_taken_back:
            affinity.add(START_MS + at, -1)
    now_ms = START_MS + 90 * DAY_MS
    expected = sum(math.exp2(-(90 * DAY_MS - at) / HALF_LIFE_MS) for at, is_taken_back in likes if not is_taken_back)
    assert weight_at(affinity, now_ms) == pytest.approx(expected, abs=1e-9)
