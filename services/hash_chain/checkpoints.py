"""Signed statements of where a chain stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement: at `pos` the chain hash is `chain_hash`. `starts` says the chain begins after it."""

    pos: int
    chain_hash: bytes
    kid: str
    at: datetime
    starts: bool = False


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A statement as it is stored, and the columns beside it."""

    pos: int
    chain_hash: bytes
    statement: str


class CheckpointReader(Protocol):
    """Reads signed statements."""

    def read(self, statement: str) -> Checkpoint:
        """What it says; BadCheckpointError when it is none of this chain's keys."""
        ...


class BadCheckpointError(Exception):
    """A statement that no key of the chain has signed; the message says what is wrong."""
