"""What the audit log's use cases need of the world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.auth.domain.audit_chain import AuditRow
from services.hash_chain.checkpoints import StoredCheckpoint


@dataclass(frozen=True, slots=True)
class AuditDetail:
    """What is personal about an act; "" when not known. `network` is a /24 or /48."""

    network: str = ""
    device_name: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A row as people read it. `detail` is None once its key was shredded; `repeats` counts refusals."""

    seq: int
    kind: str
    occurred_at: datetime
    actor_id: int
    session_id: int
    repeats: int
    detail: AuditDetail | None


@dataclass(frozen=True, slots=True)
class Seal:
    """What seals one row: its place in commit order, and the hashes as they are stored."""

    pos: int
    xid: int
    seq: int
    detail: bytes
    row_hash: bytes
    chain_hash: bytes


@dataclass(frozen=True, slots=True)
class RetiredRow:
    """A row of a dropped month that later rows are chained to."""

    pos: int
    xid: int
    seq: int
    row_hash: bytes


class RefusalTrail(Protocol):
    """Where refusals are written down."""

    async def refuse(self, kind: str, subject_id: int, detail: AuditDetail, now: datetime) -> None:
        """One refusal: a row for the first in a window, a count for the others; subject 0 for nobody's account."""
        ...


class AuditTrail(RefusalTrail, Protocol):
    """Where acts that are no events are written down."""

    async def record(self, kind: str, subject_id: int, actor_id: int, detail: AuditDetail) -> None:
        """One row. AppError UNAVAILABLE."""
        ...

    async def entries(self, user_id: int, before_seq: int, limit: int) -> list[AuditEntry]:
        """At most `limit` rows about the person with a lesser seq, newest first. AppError UNAVAILABLE."""
        ...


class AuditArchive(Protocol):
    """The log as a verifier reads it, all of it at one moment."""

    async def start(self) -> StoredCheckpoint | None:
        """Where the log begins, after months of it were dropped; None at the very beginning. `pos` is the first."""
        ...

    async def sealed(self) -> int:
        """The greatest sealed position; 0 when there is none."""
        ...

    async def seals(self, after_pos: int, limit: int) -> Sequence[Seal | RetiredRow]:
        """The next seals by position, those of dropped rows included."""
        ...

    async def rows(self, after: tuple[int, int], upto: tuple[int, int], limit: int) -> Sequence[AuditRow]:
        """The rows behind one (xid, seq) up to another, in that order."""
        ...

    async def find(self, seqs: Sequence[int]) -> Sequence[AuditRow]:
        """The rows with these numbers, wherever they stand."""
        ...

    async def seal_positions(self, seqs: Sequence[int]) -> dict[int, int]:
        """The position of the seal of each numbered row, where it has one."""
        ...

    async def unsealed_after(self, cursor: tuple[int, int]) -> tuple[int, float]:
        """How many rows stand behind (xid, seq), and the age of the oldest in seconds."""
        ...

    def checkpoints(self) -> AsyncIterator[StoredCheckpoint]:
        """All checkpoints by position."""
        ...


@dataclass(frozen=True, slots=True)
class Unsealed:
    """How far sealing is behind."""

    rows: int
    oldest_age_s: float


class AuditSeals(Protocol):
    """The log as the sealer reads and seals it."""

    async def seal(self, limit: int) -> int:
        """Seal the next rows in one transaction; how many. 0 too while another sealer is at it."""
        ...

    async def add_checkpoint(self) -> str | None:
        """Sign the chain's end unless that is done; the statement to emit, or None."""
        ...

    async def last_checkpoint(self) -> str | None:
        """The newest statement."""
        ...

    async def unsealed(self) -> Unsealed:
        """How far sealing is behind."""
        ...

    async def keep_partitions(self, now: datetime) -> None:
        """Make the months to come, and drop those that are kept no longer."""
        ...
