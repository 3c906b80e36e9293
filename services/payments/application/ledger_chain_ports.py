"""What sealing the ledger and verifying it needs of the world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.hash_chain.checkpoints import StoredCheckpoint
from services.payments.domain.ledger_chain import EntryRow, TransferRow


@dataclass(frozen=True, slots=True)
class SealLag:
    """How far sealing is behind: transfers that are not sealed, counted up to a bound, and the oldest's age."""

    transfers: int
    oldest_age_s: float
    sealed_rows: int


@dataclass(frozen=True, slots=True)
class LedgerSeal:
    """A stretch of transfers as it was sealed; `legs` is a bit mask for each, `fingerprints` one for each row."""

    pos: int
    transfer_ids: Sequence[int]
    legs: Sequence[int]
    fingerprints: bytes
    rows_hash: bytes
    chain_hash: bytes
    sealed_at: datetime


@dataclass(frozen=True, slots=True)
class SealState:
    """What the sealer says it has done."""

    last_pos: int
    last_hash: bytes
    sealed_rows: int


class LedgerSeals(Protocol):
    """The ledger as the sealer sees it. All methods: AppError UNAVAILABLE when the database is away."""

    async def seal(self, limit: int) -> int:
        """Seal the next transfers in one transaction; how many. 0 too while another sealer is at it."""
        ...

    async def add_checkpoint(self) -> str | None:
        """Sign the chain's end unless that is done; the statement to emit, or None."""
        ...

    async def last_checkpoint(self) -> str | None:
        """The newest statement."""
        ...

    async def lag(self) -> SealLag:
        """How far sealing is behind."""
        ...


class LedgerArchive(Protocol):
    """The ledger as a verifier reads it, all of it at one moment."""

    async def state(self) -> SealState:
        """What the sealer says it has done."""
        ...

    async def seals(self, after_pos: int, transfers: int) -> Sequence[LedgerSeal]:
        """The next seals by position, of about so many transfers; none at the end."""
        ...

    async def transfers(self, ids: Collection[int]) -> Mapping[int, TransferRow]:
        """The transfers with these ids that are there."""
        ...

    async def entries(self, transfer_ids: Collection[int]) -> Mapping[int, EntryRow]:
        """Every entry whose id is of the millisecond of one of these transfers, by id."""
        ...

    async def unsealed_transfers(self, limit: int) -> Sequence[TransferRow]:
        """Transfers that stand where all are sealed, and have no seal."""
        ...

    async def stray_entries(self, limit: int) -> Sequence[EntryRow]:
        """Entries whose id belongs to no transfer, sealed or there."""
        ...

    async def lag(self) -> SealLag:
        """How far sealing is behind."""
        ...

    def checkpoints(self) -> AsyncIterator[StoredCheckpoint]:
        """All checkpoints by position."""
        ...
