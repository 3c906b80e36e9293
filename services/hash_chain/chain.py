"""A hash chain: each link binds a hash to all before it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

HASH_BYTES: Final = 32
GENESIS: Final = bytes(HASH_BYTES)
"""The chain hash before the first link."""


def chain_hash(version: bytes, pos: int, previous: bytes, hashed: bytes) -> bytes:
    """The chain's hash at a position: SHA-256 over the one before it, the position, and the hash of what stands there.

    `version` names the chain, so that no link of one can be taken for a link of another.
    """
    if len(previous) != HASH_BYTES or len(hashed) != HASH_BYTES:
        raise ValueError(f"a hash has {HASH_BYTES} bytes")
    return hashlib.sha256(joined((version, previous, number(pos), hashed))).digest()


def joined(fields: Iterable[bytes]) -> bytes:
    """Fields as bytes that no other fields have: each is preceded by its length, 4 bytes big-endian."""
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def number(value: int) -> bytes:
    """8 bytes, signed, big-endian."""
    return value.to_bytes(8, "big", signed=True)
