"""Verifies the audit log: rows against their seals, seals against the chain, the chain against what was signed."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.auth.application.audit_ports import (
    AuditArchive,
    RetiredRow,
    Seal,
)
from services.auth.domain.audit_chain import AuditRow, chain_hash, row_hash
from services.hash_chain.chain import GENESIS
from services.hash_chain.checkpoints import BadCheckpointError, CheckpointReader, StoredCheckpoint
from services.hash_chain.signed_walk import CheckpointProblem, SignedWalk

BATCH: Final = 5000
_MAX_FINDINGS: Final = 100


class Wrong(enum.StrEnum):
    """What can be wrong with the log."""

    CHANGED = "row changed"
    REMOVED = "row removed"
    INSERTED = "row inserted"
    SEAL_REMOVED = "seal removed"
    CHAIN_BROKEN = "chain broken"
    TRUNCATED = "tail removed"
    CONTRADICTED = CheckpointProblem.CONTRADICTED.value
    SIGNATURE_FALSE = CheckpointProblem.SIGNATURE_FALSE.value


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where (a position in the chain, and the row's seq, 0 when none), and in words."""

    wrong: Wrong
    pos: int
    seq: int
    words: str


@dataclass(slots=True)
class Verdict:
    """The outcome. `findings` is in the order of the chain, at most 100 of `wrong_count`."""

    first_pos: int = 1
    last_pos: int = 0
    rows: int = 0
    checkpoints: int = 0
    unsealed: int = 0
    unsealed_age_s: float = 0.0
    wrong_count: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_intact(self) -> bool:
        """Whether nothing is wrong."""
        return self.wrong_count == 0

    def add(self, wrong: Wrong, pos: int, seq: int, words: str) -> None:
        """Note what is wrong."""
        self.wrong_count += 1
        if len(self.findings) < _MAX_FINDINGS:
            self.findings.append(Finding(wrong, pos, seq, words))


class VerifyAudit:
    """The use case. `outside` are statements that left the database when they were made."""

    def __init__(
        self,
        archive: AuditArchive,
        reader: CheckpointReader,
        advance: Callable[[int], None],
        outside: Sequence[str] = (),
        batch: int = BATCH,
    ) -> None:
        self._archive = archive
        self._reader = reader
        self._advance = advance
        self._batch = batch
        self._verdict = Verdict()
        self._pos = 0
        self._chain = GENESIS
        self._cursor = (0, 0)
        self._walk = SignedWalk(reader, archive.checkpoints(), outside, self._note)

    async def __call__(self) -> Verdict:
        """Read the whole log once, in batches; database errors pass through."""
        await self._begin()
        while seals := await self._archive.seals(self._pos, self._batch):
            await self._check_batch(seals)
            self._advance(len(seals))
        await self._end()
        self._verdict.findings.sort(key=lambda finding: finding.pos)
        return self._verdict

    async def _begin(self) -> None:
        start = await self._archive.start()
        if start is not None:
            self._pos, self._chain = start.pos - 1, start.chain_hash
            self._verdict.first_pos = start.pos
            if not self._starts(start):
                words = f"nobody signed that the log begins at {start.pos}: months of it may be missing"
                self._verdict.add(Wrong.SIGNATURE_FALSE, start.pos, 0, words)
        await self._walk.begin()
        await self._walk.meet(self._pos, self._chain)

    async def _check_batch(self, seals: Sequence[Seal | RetiredRow]) -> None:
        present = [seal for seal in seals if isinstance(seal, Seal)]
        if present:
            upto = max((seal.xid, seal.seq) for seal in present)
            rows = await self._archive.rows(self._cursor, upto, 2 * self._batch)
            await self._compare(present, {row.seq: row for row in rows})
            self._cursor = max(self._cursor, upto)
        for seal in seals:
            await self._link(seal)

    async def _compare(self, seals: Sequence[Seal], rows: dict[int, AuditRow]) -> None:
        pairs = [(seal, rows.pop(seal.seq, None)) for seal in seals]
        elsewhere = {row.seq: row for row in await self._archive.find([seal.seq for seal, row in pairs if row is None])}
        for seal, found in pairs:
            row = found or elsewhere.get(seal.seq)
            if row is None:
                self._verdict.add(Wrong.REMOVED, seal.pos, seal.seq, f"row {seal.seq} is gone")
            elif row_hash(row, seal.detail) != seal.row_hash:
                words = f"row {seal.seq} ({row.kind} of {row.subject_id}) is not what was sealed"
                self._verdict.add(Wrong.CHANGED, seal.pos, seal.seq, words)
            elif row.xid != seal.xid:
                self._verdict.add(Wrong.CHANGED, seal.pos, seal.seq, f"the seal of row {seal.seq} names another place")
            self._verdict.rows += row is not None
        if not rows:
            return
        sealed = await self._archive.seal_positions(list(rows))
        for seq, row in rows.items():
            if seq not in sealed:
                words = f"row {seq} ({row.kind} of {row.subject_id}) was never sealed, yet later ones were"
                self._verdict.add(Wrong.INSERTED, self._pos + 1, seq, words)

    async def _link(self, seal: Seal | RetiredRow) -> None:
        expected = self._pos + 1
        is_gap = seal.pos != expected
        if is_gap:
            words = f"positions {expected} to {seal.pos - 1} are gone"
            self._verdict.add(Wrong.SEAL_REMOVED, expected, 0, words)
        computed = chain_hash(seal.pos, self._chain, seal.row_hash)
        if isinstance(seal, Seal):
            if computed != seal.chain_hash and not is_gap:
                self._verdict.add(
                    Wrong.CHAIN_BROKEN, seal.pos, seal.seq, f"position {seal.pos} does not follow the one before"
                )
            # Going on from what is stored names each break once, instead of all that follows the first.
            computed = seal.chain_hash
        self._pos, self._chain = seal.pos, computed
        await self._walk.meet(self._pos, self._chain)

    def _starts(self, start: StoredCheckpoint) -> bool:
        """Whether somebody signed that the log begins there."""
        try:
            said = self._reader.read(start.statement)
        except BadCheckpointError:
            return False
        return (said.pos, said.chain_hash, said.starts) == (start.pos - 1, start.chain_hash, True)

    def _note(self, problem: CheckpointProblem, pos: int, words: str) -> None:
        self._verdict.add(Wrong(problem.value), pos, 0, words)

    async def _end(self) -> None:
        verdict = self._verdict
        verdict.last_pos = self._pos
        promised = max(await self._archive.sealed(), await self._walk.end())
        verdict.checkpoints = self._walk.checkpoints
        if promised > self._pos:
            words = f"the log ends at position {self._pos}, but was sealed up to {promised}"
            verdict.add(Wrong.TRUNCATED, self._pos + 1, 0, words)
        verdict.unsealed, verdict.unsealed_age_s = await self._archive.unsealed_after(self._cursor)
