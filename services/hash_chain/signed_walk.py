"""A walk along a chain that is compared with what was signed of it, by checkpoints inside the database and outside."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Callable, Sequence

from services.hash_chain.checkpoints import BadCheckpointError, CheckpointReader, StoredCheckpoint


class CheckpointProblem(enum.StrEnum):
    """What can be wrong with what was signed."""

    CONTRADICTED = "checkpoint contradicted"
    SIGNATURE_FALSE = "signature false"


class SignedWalk:
    """Says to `tell` (what, position, words) where the chain is not the one that was signed.

    `stored` are the database's checkpoints by position, `outside` statements that left it when they were made.
    """

    def __init__(
        self,
        reader: CheckpointReader,
        stored: AsyncIterator[StoredCheckpoint],
        outside: Sequence[str],
        tell: Callable[[CheckpointProblem, int, str], None],
    ) -> None:
        self._reader = reader
        self._stored = stored
        self._tell = tell
        self._next: StoredCheckpoint | None = None
        self._waiting = self._read_outside(outside)
        self.checkpoints = 0
        """How many were compared."""

    async def begin(self) -> None:
        """To be called once, before any other."""
        self._next = await anext(self._stored, None)

    async def meet(self, pos: int, chain: bytes) -> None:
        """The chain's hash at the next position is `chain`."""
        while self._waiting and self._waiting[0].pos <= pos:
            given = self._waiting.pop(0)
            if given.pos < pos:
                continue
            self.checkpoints += 1
            if given.chain_hash != chain:
                words = f"the checkpoint given says another chain at position {pos}: it may be rewritten"
                self._tell(CheckpointProblem.CONTRADICTED, pos, words)
        while self._next is not None and self._next.pos <= pos:
            stored = await self._take()
            if stored.pos == pos and stored.chain_hash != chain:
                words = f"the chain at position {pos} is not the one that was signed"
                self._tell(CheckpointProblem.CONTRADICTED, pos, words)

    async def end(self) -> int:
        """Look at the signatures beyond the chain's end; the greatest position that anybody signed there, or 0."""
        promised = max((given.pos for given in self._waiting), default=0)
        while self._next is not None:
            promised = max(promised, (await self._take()).pos)
        return promised

    async def _take(self) -> StoredCheckpoint:
        stored = self._next
        if stored is None:
            raise ValueError("there is no further checkpoint")
        self.checkpoints += 1
        if not self._says(stored):
            words = f"the checkpoint at position {stored.pos} is not what was signed"
            self._tell(CheckpointProblem.SIGNATURE_FALSE, stored.pos, words)
        self._next = await anext(self._stored, None)
        return stored

    def _says(self, stored: StoredCheckpoint) -> bool:
        try:
            said = self._reader.read(stored.statement)
        except BadCheckpointError:
            return False
        return (said.pos, said.chain_hash, said.starts) == (stored.pos, stored.chain_hash, False)

    def _read_outside(self, outside: Sequence[str]) -> list[StoredCheckpoint]:
        read = []
        for statement in outside:
            try:
                said = self._reader.read(statement)
            except BadCheckpointError as error:
                self._tell(CheckpointProblem.SIGNATURE_FALSE, 0, f"the checkpoint given: {error}")
                continue
            read.append(StoredCheckpoint(said.pos, said.chain_hash, ""))
        return sorted(read, key=lambda checkpoint: checkpoint.pos)
