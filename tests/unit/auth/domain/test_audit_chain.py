"""The encoding that is hashed: no two rows share one, so no change can hide in it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.auth.domain.audit_chain import AuditRow, chain_hash, encode_row, row_hash
from services.hash_chain.chain import GENESIS

NUMBERS = st.integers(-(2**63), 2**63 - 1)
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
ROWS = st.builds(
    AuditRow,
    seq=NUMBERS,
    xid=st.integers(0, 2**64 - 1),
    recorded_at=TIMES,
    occurred_at=TIMES,
    kind=st.text(max_size=8),
    subject_id=NUMBERS,
    actor_id=NUMBERS,
    event_id=NUMBERS,
    version=NUMBERS,
    payload=st.binary(max_size=8),
    detail=st.binary(max_size=8),
    repeats=NUMBERS,
)


def fields_of(encoded: bytes) -> list[bytes]:
    """Read the encoding back: what can be read in one way only was not written by two rows."""
    fields, at = [], 0
    while at < len(encoded):
        end = at + 4 + int.from_bytes(encoded[at : at + 4], "big")
        assert end <= len(encoded)
        fields.append(encoded[at + 4 : end])
        at = end
    return fields


@given(ROWS, st.binary(max_size=8))
def test_the_row_can_be_read_back(row: AuditRow, added: bytes) -> None:
    version, *fields, last = fields_of(encode_row(row, added))
    assert (version, last) == (b"daira-audit-row-1", added)
    assert int.from_bytes(fields[0], "big", signed=True) == row.seq
    assert int.from_bytes(fields[1], "big") == row.xid
    assert fields[4] == row.kind.encode()
    assert [int.from_bytes(field, "big", signed=True) for field in fields[5:9]] == [
        row.subject_id, row.actor_id, row.event_id, row.version,
    ]  # fmt: skip
    assert (fields[9], fields[10]) == (row.payload, row.detail)
    assert int.from_bytes(fields[11], "big", signed=True) == row.repeats


@given(ROWS, ROWS, st.binary(max_size=8), st.binary(max_size=8))
def test_other_rows_have_other_hashes(one: AuditRow, other: AuditRow, detail: bytes, other_detail: bytes) -> None:
    assume((one, detail) != (other, other_detail))
    assert row_hash(one, detail) != row_hash(other, other_detail)


@given(ROWS, st.sampled_from([field.name for field in dataclasses.fields(AuditRow)]), st.data())
def test_each_column_counts(row: AuditRow, name: str, data: st.DataObject) -> None:
    strategies: dict[type, st.SearchStrategy[Any]] = {
        int: st.integers(0, 2**63 - 1), bytes: st.binary(max_size=8), str: st.text(max_size=8), datetime: TIMES,
    }  # fmt: skip
    before = getattr(row, name)
    after = data.draw(strategies[type(before)])
    assume(after != before)
    assert row_hash(dataclasses.replace(row, **{name: after}), b"") != row_hash(row, b"")


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.integers(1, 2**62))
def test_the_chain_binds_place_and_past(previous: bytes, hashed: bytes, pos: int) -> None:
    assume(previous != GENESIS)
    linked = chain_hash(pos, previous, hashed)
    assert linked != chain_hash(pos + 1, previous, hashed)
    assert linked != chain_hash(pos, GENESIS, hashed)
    with pytest.raises(ValueError, match="32 bytes"):
        chain_hash(pos, previous[:-1], hashed)
