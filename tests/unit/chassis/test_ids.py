"""Ids hold their moment, shard and sequence, and sort by time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import ids

MOMENTS = st.integers(ids.EPOCH_MS, ids.EPOCH_MS + (1 << 41) - 1)


@given(MOMENTS, st.integers(0, 1023), st.integers(0, 4095))
def test_parts(ms: int, shard: int, seq: int) -> None:
    identifier = ids.compose(ms, shard, seq)
    assert 0 <= identifier <= ids.MAX_ID
    assert ids.timestamp_ms(identifier) == ms
    assert ids.shard_of(identifier) == shard


@given(MOMENTS, MOMENTS)
def test_later_is_greater(one: int, other: int) -> None:
    if one < other:
        assert ids.compose(one, 1023, 4095) < ids.first_id_at(other)


@pytest.mark.parametrize(("ms", "shard", "seq"), [(0, 0, 0), (ids.EPOCH_MS, 1024, 0), (ids.EPOCH_MS, 0, 4096)])
def test_outside(ms: int, shard: int, seq: int) -> None:
    with pytest.raises(ValueError, match="no id"):
        ids.compose(ms, shard, seq)
