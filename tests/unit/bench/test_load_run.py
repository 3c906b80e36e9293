"""Latencies that count from when a call was due: a stall is charged to every call that it held back."""

from __future__ import annotations

import pytest

from bench.load_run import since_due_ms


def test_calls_on_time_have_their_own_latency() -> None:
    calls = [(100.0 + n / 10, 100.0 + n / 10 + 0.005) for n in range(20)]
    assert since_due_ms(calls, 10.0) == pytest.approx([5.0] * 20)


def test_calls_that_a_stall_held_back_carry_its_wait() -> None:
    # A second of silence after the fifth call: the ten that were due meanwhile are sent at once at its end.
    on_time = [(n / 10, n / 10 + 0.001) for n in range(5)]
    late = [(1.5, 1.501) for _ in range(5, 15)]
    latencies = since_due_ms([*on_time, *late], 10.0)
    assert latencies[:5] == pytest.approx([1.0] * 5)
    assert latencies[5:] == pytest.approx([1501.0 - 100 * n for n in range(5, 15)])


def test_the_order_of_answers_does_not_matter() -> None:
    calls = [(0.2, 0.9), (0.0, 0.8), (0.1, 0.15)]
    assert since_due_ms(calls, 10.0) == pytest.approx([800.0, 50.0, 700.0])


def test_no_calls_have_no_latencies() -> None:
    assert since_due_ms([], 10.0) == []
