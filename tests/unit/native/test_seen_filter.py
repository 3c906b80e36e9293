"""The filter of what a viewer was shown is the plain-Python one, bit for bit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daira_native import seen_bits, seen_build, seen_contains
from tests.oracles import seen as oracle
from tests.unit.native.candidates import NOW_MS
from tests.unit.native.rows import i64, post_id

any_id = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 50).map(lambda low: post_id(NOW_MS, low))


@given(ids=st.lists(any_id, max_size=60), others=st.lists(any_id, max_size=20), capacity=st.integers(1, 200))
@settings(max_examples=100, deadline=None)
def test_it_is_the_plain_one(ids: list[int], others: list[int], capacity: int) -> None:
    built = seen_build(i64(ids), capacity)
    assert built == oracle.build(ids, capacity)
    asked = [*ids, *others]
    assert seen_contains(built, i64(asked)) == [oracle.contains(built, one) for one in asked]
    assert all(seen_contains(built, i64(ids)))
    bits = seen_bits(len(built), i64(ids))
    assert bits == [bit for one in ids for bit in oracle.bits(len(built), one)]


@given(seen=st.binary(max_size=80), ids=st.lists(any_id, max_size=20))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_filter(seen: bytes, ids: list[int]) -> None:
    assert seen_contains(seen, i64(ids)) == [oracle.contains(seen, one) for one in ids]


@given(ids=st.lists(any_id, max_size=20), size=st.integers(1, 100))
@settings(max_examples=50, deadline=None)
def test_setting_bits_as_redis_counts_them_adds_ids(ids: list[int], size: int) -> None:
    filter_bits = bytearray(size)
    for bit in seen_bits(size, i64(ids)):
        filter_bits[bit // 8] |= 128 >> bit % 8  # SETBIT key bit 1
    assert all(seen_contains(bytes(filter_bits), i64(ids)))


def test_bad_arguments_are_refused() -> None:
    for capacity in (0, 1_000_001):
        with pytest.raises(ValueError, match="capacity must be"):
            seen_build(b"", capacity)
    for size in (0, 2_000_001):
        with pytest.raises(ValueError, match="size_in_bytes must be"):
            seen_bits(size, b"")
    with pytest.raises(ValueError, match="rows of 8"):
        seen_contains(b"\xff", b"1234567")
