"""The audit log's hash chain: one canonical encoding of a row, and how each row binds all before it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from services.hash_chain import chain
from services.hash_chain.chain import joined, number

# A new encoding gets a new name: no row of one can then be taken for a row of another.
_ROW_VERSION: Final = b"daira-audit-row-1"
_CHAIN_VERSION: Final = b"daira-audit-chain-1"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of the log, all of its columns; times are in UTC with microseconds, bytes as they are stored."""

    seq: int
    xid: int
    recorded_at: datetime
    occurred_at: datetime
    kind: str
    subject_id: int
    actor_id: int
    event_id: int
    version: int
    payload: bytes
    detail: bytes
    repeats: int


def encode_row(row: AuditRow, added_detail: bytes) -> bytes:
    """The row, and the detail that its seal adds, as bytes that no other row has.

    Each field is preceded by its length, 4 bytes big-endian; numbers are 8 bytes, signed (the transaction's unsigned),
    big-endian; times are microseconds since 1970.
    """
    fields = (
        _ROW_VERSION,
        number(row.seq),
        row.xid.to_bytes(8, "big"),
        number(_microseconds(row.recorded_at)),
        number(_microseconds(row.occurred_at)),
        row.kind.encode(),
        number(row.subject_id),
        number(row.actor_id),
        number(row.event_id),
        number(row.version),
        row.payload,
        row.detail,
        number(row.repeats),
        added_detail,
    )
    return joined(fields)


def row_hash(row: AuditRow, added_detail: bytes) -> bytes:
    """SHA-256 of the encoded row, 32 bytes."""
    return hashlib.sha256(encode_row(row, added_detail)).digest()


def chain_hash(pos: int, previous: bytes, hashed_row: bytes) -> bytes:
    """The log's chain at a position, of the hash before it and the hash of the position's row."""
    return chain.chain_hash(_CHAIN_VERSION, pos, previous, hashed_row)


def _microseconds(time: datetime) -> int:
    # Not timestamp(): a float has too few digits for microseconds.
    return (time - _EPOCH) // _MICROSECOND
