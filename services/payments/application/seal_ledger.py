"""Seals the ledger in the background, off the way of those whose money moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from services.chassis.clock import Clock
from services.chassis.public_text import PublicText
from services.payments.application.ledger_chain_ports import LedgerSeals, SealLag

BATCH: Final = 1000
CHECKPOINT_S: Final = 10.0
CHECKPOINT_SEALS: Final = 100

_log = structlog.get_logger(__name__)


class SealLedger:
    """One step of upkeep. Any number of replicas may do it; killed anywhere, each transfer is sealed once.

    Checkpoints go into the log of the process as well: whoever rewrites the database cannot reach what left it.
    """

    def __init__(self, seals: LedgerSeals, clock: Clock, observe: Callable[[SealLag], None]) -> None:
        self._seals = seals
        self._clock = clock
        self._observe = observe
        self._emitted = False
        self._checkpoint_at = 0.0
        self._since_checkpoint = 0

    async def __call__(self) -> int:
        """Seal a batch, and sign when it is time; above zero when more waits. AppError UNAVAILABLE."""
        if not self._emitted:
            # Whoever signed it may have been killed before it was told.
            _emit(await self._seals.last_checkpoint())
            self._emitted = True
        sealed = await self._seals.seal(BATCH)
        self._since_checkpoint += sealed > 0
        now = self._clock.monotonic()
        if self._since_checkpoint >= CHECKPOINT_SEALS or now >= self._checkpoint_at:
            self._since_checkpoint = 0
            statement = await self._seals.add_checkpoint()
            _emit(statement)
            # What comes after a quiet time need not wait to be signed.
            self._checkpoint_at = now + (CHECKPOINT_S if statement is not None else 0.0)
            self._observe(await self._seals.lag())
        return sealed if sealed == BATCH else 0


def _emit(statement: str | None) -> None:
    if statement is not None:
        _log.info("ledger_checkpoint", statement=PublicText(statement))
