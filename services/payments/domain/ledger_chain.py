"""The ledger's hash chain: the canonical form of a transfer and of an entry, and how a seal binds them."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from services.hash_chain import chain

FINGERPRINT_BYTES: Final = 16
"""What a seal keeps of each row's digest."""

LEGS_MAX: Final = 62
LEG_SHIFT: Final = 12
LEG_MASK: Final = 1023

# A new form gets a new name: no row of one can then be taken for a row of another.
_TRANSFER_FORM: Final = b"daira-ledger-transfer-1"
_ENTRY_FORM: Final = b"daira-ledger-entry-1"
_CHAIN_FORM: Final = b"daira-ledger-chain-1"

# PostgreSQL's binary form of a record: the number of fields; of each its type's number, its length, or -1 for NULL, and
# its bytes. Whole numbers are 8 bytes, moments microseconds since 2000.
_BYTES_TYPE: Final = 17
_NUMBER_TYPE: Final = 20
_MOMENT_TYPE: Final = 1184
_TRANSACTION_TYPE: Final = 5069
_HEAD: Final = struct.Struct(">ii")
_NUMBER: Final = struct.Struct(">iiq")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class TransferRow:
    """A row of transfers, all of its columns; amounts in piastres, the moment with microseconds."""

    id: int
    kind: str
    actor_id: int
    recipient_id: int
    amount: int
    fee: int
    vat: int
    post_id: int
    key: str
    body_hash: bytes
    balance_after: int
    posted_at: datetime
    reverses: int | None
    xid: int


@dataclass(frozen=True, slots=True)
class EntryRow:
    """A row of entries, all of its columns; amounts in piastres."""

    id: int
    transfer_id: int
    account_id: int
    amount: int
    balance_after: int | None
    version: int | None
    xid: int


def transfer_digest(row: TransferRow) -> bytes:
    """SHA-256 of a transfer's canonical form, 32 bytes."""
    return _digest(
        (
            _bytes(_TRANSFER_FORM), _number(row.id), _bytes(row.kind.encode()), _number(row.actor_id),
            _number(row.recipient_id), _number(row.amount), _number(row.fee), _number(row.vat), _number(row.post_id),
            _bytes(row.key.encode()), _bytes(row.body_hash), _number(row.balance_after),
            _NUMBER.pack(_MOMENT_TYPE, 8, _microseconds(row.posted_at)), _number(row.reverses), _transaction(row.xid),
        )
    )  # fmt: skip


def entry_digest(row: EntryRow) -> bytes:
    """SHA-256 of an entry's canonical form, 32 bytes."""
    return _digest(
        (
            _bytes(_ENTRY_FORM), _number(row.id), _number(row.transfer_id), _number(row.account_id),
            _number(row.amount), _number(row.balance_after), _number(row.version), _transaction(row.xid),
        )
    )  # fmt: skip


def rows_hash(sealed_at: datetime, digests: Iterable[bytes]) -> bytes:
    """What a seal binds: SHA-256 over its moment and the digests of its rows, each transfer before its entries."""
    hashed = hashlib.sha256(_microseconds(sealed_at).to_bytes(8, "big", signed=True))
    for digest in digests:
        hashed.update(digest)
    return hashed.digest()


def chain_hash(pos: int, previous: bytes, hashed_rows: bytes) -> bytes:
    """The chain at a seal, of the chain before it and the hash of its rows."""
    return chain.chain_hash(_CHAIN_FORM, pos, previous, hashed_rows)


def legs_of(mask: int) -> list[int]:
    """The legs that a seal's mask names, in their order."""
    return [leg for leg in range(1, LEGS_MAX + 1) if mask >> leg & 1]


def entry_id(transfer_id: int, leg: int) -> int:
    """The id of a transfer's leg."""
    return transfer_id | leg << LEG_SHIFT


def owner_of(identifier: int) -> tuple[int, int]:
    """The transfer that an entry's id belongs to, and which leg of it it is."""
    leg = identifier >> LEG_SHIFT & LEG_MASK
    return identifier & ~(LEG_MASK << LEG_SHIFT), leg


def _digest(fields: Sequence[bytes]) -> bytes:
    return hashlib.sha256(len(fields).to_bytes(4, "big") + b"".join(fields)).digest()


def _bytes(value: bytes) -> bytes:
    return _HEAD.pack(_BYTES_TYPE, len(value)) + value


def _number(value: int | None) -> bytes:
    return _HEAD.pack(_NUMBER_TYPE, -1) if value is None else _NUMBER.pack(_NUMBER_TYPE, 8, value)


def _transaction(value: int) -> bytes:
    return _HEAD.pack(_TRANSACTION_TYPE, 8) + value.to_bytes(8, "big")


def _microseconds(moment: datetime) -> int:
    # Not timestamp(): a float has too few digits for microseconds.
    return (moment - _EPOCH) // _MICROSECOND
