"""Verifies the ledger: rows against their seals, seals against the chain, the chain against what was signed."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.hash_chain.chain import GENESIS
from services.hash_chain.checkpoints import CheckpointReader
from services.hash_chain.signed_walk import CheckpointProblem, SignedWalk
from services.payments.application.ledger_chain_ports import LedgerArchive, LedgerSeal
from services.payments.domain.ledger_chain import (
    FINGERPRINT_BYTES,
    EntryRow,
    TransferRow,
    chain_hash,
    entry_digest,
    entry_id,
    legs_of,
    owner_of,
    rows_hash,
    transfer_digest,
)

BATCH: Final = 2000
_MAX_FINDINGS: Final = 100


class Wrong(enum.StrEnum):
    """What can be wrong with the ledger."""

    CHANGED = "row changed"
    REMOVED = "row removed"
    INSERTED = "row inserted"
    SEAL_CHANGED = "seal changed"
    SEAL_REMOVED = "seal removed"
    CHAIN_BROKEN = "chain broken"
    TRUNCATED = "tail removed"
    CONTRADICTED = CheckpointProblem.CONTRADICTED.value
    SIGNATURE_FALSE = CheckpointProblem.SIGNATURE_FALSE.value


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: the seal's position, the transfer or entry ("" and 0 when none), and in words."""

    wrong: Wrong
    pos: int
    table: str
    row_id: int
    words: str


@dataclass(slots=True)
class Verdict:
    """The outcome. `findings` is in the order of the chain, at most 100 of `wrong_count`."""

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

    def add(self, wrong: Wrong, pos: int, words: str, table: str = "", row_id: int = 0) -> None:
        """Note what is wrong."""
        self.wrong_count += 1
        if len(self.findings) < _MAX_FINDINGS:
            self.findings.append(Finding(wrong, pos, table, row_id, words))


class VerifyLedger:
    """The use case; `advance` is told how many rows were looked at. `outside` are statements that left the database."""

    def __init__(
        self,
        archive: LedgerArchive,
        reader: CheckpointReader,
        advance: Callable[[int], None],
        outside: Sequence[str] = (),
    ) -> None:
        self._archive = archive
        self._advance = advance
        self._verdict = Verdict()
        self._pos = 0
        self._chain = GENESIS
        self._walk = SignedWalk(reader, archive.checkpoints(), outside, self._note)

    async def __call__(self) -> Verdict:
        """Read the whole ledger once, in batches; database errors pass through."""
        await self._walk.begin()
        while seals := await self._archive.seals(self._pos, BATCH):
            ids = [transfer for seal in seals for transfer in seal.transfer_ids]
            transfers, entries = await self._archive.transfers(ids), await self._archive.entries(ids)
            before = self._verdict.rows
            self._find_inserted(seals, entries)
            for seal in seals:
                self._compare(seal, transfers, entries)
                await self._link(seal)
            self._advance(self._verdict.rows - before)
        await self._end()
        self._verdict.findings.sort(key=lambda finding: finding.pos)
        return self._verdict

    def _compare(self, seal: LedgerSeal, transfers: Mapping[int, TransferRow], entries: Mapping[int, EntryRow]) -> None:
        """Find each row of a seal that is gone or another."""
        digests: list[bytes] = []
        place, is_whole = 0, True
        for transfer_id, mask in zip(seal.transfer_ids, seal.legs, strict=False):
            transfer = transfers.get(transfer_id)
            named = [("transfer", transfer_id, None if transfer is None else transfer_digest(transfer))]
            for leg in legs_of(mask):
                entry = entries.get(entry_id(transfer_id, leg))
                named.append(
                    ("entry", entry_id(transfer_id, leg), None if entry is None else entry_digest(entry)),
                )
            for table, row_id, digest in named:
                fingerprint = seal.fingerprints[place : place + FINGERPRINT_BYTES]
                place += FINGERPRINT_BYTES
                self._verdict.rows += 1
                if digest is None:
                    self._verdict.add(Wrong.REMOVED, seal.pos, f"{table} {row_id} is gone", table, row_id)
                elif digest[:FINGERPRINT_BYTES] != fingerprint:
                    words = f"{table} {row_id} is not what was sealed"
                    self._verdict.add(Wrong.CHANGED, seal.pos, words, table, row_id)
                else:
                    digests.append(digest)
                    continue
                is_whole = False
        if is_whole and (
            place != len(seal.fingerprints)
            or len(seal.legs) != len(seal.transfer_ids)
            or rows_hash(seal.sealed_at, digests) != seal.rows_hash
        ):
            self._verdict.add(Wrong.SEAL_CHANGED, seal.pos, f"seal {seal.pos} is not over the rows that it names")

    def _find_inserted(self, seals: Sequence[LedgerSeal], entries: Mapping[int, EntryRow]) -> None:
        sealed = {
            transfer: (seal.pos, mask)
            for seal in seals
            for transfer, mask in zip(seal.transfer_ids, seal.legs, strict=False)
        }
        for identifier in entries:
            owner, leg = owner_of(identifier)
            if owner in sealed:
                pos, mask = sealed[owner]
                if not mask >> leg & 1:
                    words = f"entry {identifier} was not there when its transfer {owner} was sealed"
                    self._verdict.add(Wrong.INSERTED, pos, words, "entry", identifier)

    async def _link(self, seal: LedgerSeal) -> None:
        expected = self._pos + 1
        is_gap = seal.pos != expected
        if is_gap:
            words = f"seals {expected} to {seal.pos - 1} are gone"
            self._verdict.add(Wrong.SEAL_REMOVED, expected, words)
        elif chain_hash(seal.pos, self._chain, seal.rows_hash) != seal.chain_hash:
            words = f"seal {seal.pos} does not follow the one before"
            self._verdict.add(Wrong.CHAIN_BROKEN, seal.pos, words)
        # Going on from what is stored names each break once, instead of all that follows the first.
        self._pos, self._chain = seal.pos, seal.chain_hash
        await self._walk.meet(self._pos, self._chain)

    async def _end(self) -> None:
        verdict, state = self._verdict, await self._archive.state()
        verdict.last_pos = self._pos
        promised = max(state.last_pos, await self._walk.end())
        verdict.checkpoints = self._walk.checkpoints
        if promised > self._pos:
            words = f"the chain ends at seal {self._pos}, but was sealed up to {promised}"
            verdict.add(Wrong.TRUNCATED, self._pos + 1, words)
        elif (state.last_pos, state.last_hash) != (self._pos, self._chain):
            words = f"the sealer stands at seal {state.last_pos}, which is not where the chain ends"
            verdict.add(Wrong.CHAIN_BROKEN, self._pos, words)
        for transfer in await self._archive.unsealed_transfers(_MAX_FINDINGS):
            words = (
                f"transfer {transfer.id} ({transfer.kind} of {transfer.actor_id}) was never sealed, yet later ones were"
            )
            verdict.add(Wrong.INSERTED, self._pos + 1, words, "transfer", transfer.id)
        for entry in await self._archive.stray_entries(_MAX_FINDINGS):
            words = f"entry {entry.id} of account {entry.account_id} belongs to no transfer that was sealed"
            verdict.add(Wrong.INSERTED, self._pos + 1, words, "entry", entry.id)
        lag = await self._archive.lag()
        verdict.unsealed, verdict.unsealed_age_s = lag.transfers, lag.oldest_age_s

    def _note(self, problem: CheckpointProblem, pos: int, words: str) -> None:
        self._verdict.add(Wrong(problem.value), pos, words)
