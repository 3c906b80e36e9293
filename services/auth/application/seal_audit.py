"""Seals the audit log in the background, off the way of those whose acts are written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from services.auth.application.audit_ports import AuditSeals, Unsealed
from services.chassis.clock import Clock
from services.chassis.errors import AppError
from services.chassis.lifecycle import pause
from services.chassis.public_text import PublicText

_BATCH: Final = 1000
_IDLE_PAUSE_S: Final = 0.25
_AWAY_PAUSE_S: Final = 1.0
CHECKPOINT_S: Final = 5.0
CHECKPOINT_ROWS: Final = 10_000
_PARTITIONS_S: Final = 3600.0

_log = structlog.get_logger(__name__)


class SealAudit:
    """The worker. Any number may run; killed anywhere, each row is sealed once, in commit order.

    Checkpoints go into the log of the process as well: whoever rewrites the database cannot reach what left it.
    """

    def __init__(self, seals: AuditSeals, clock: Clock, observe: Callable[[Unsealed], None]) -> None:
        self._seals = seals
        self._clock = clock
        self._observe = observe
        self._checkpoint_at = 0.0
        self._partitions_at = 0.0
        self._rows = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Seal until `stop`; the database may come and go."""
        emitted = False
        while not stop.is_set():
            try:
                if not emitted:
                    # Whoever signed it may have been killed before it was told.
                    _emit(await self._seals.last_checkpoint())
                    emitted = True
                worked = await self.step()
            except AppError as error:
                _log.warning("audit_sealing_waits", reason=error.reason)
                await pause(stop, _AWAY_PAUSE_S)
                continue
            if worked < _BATCH:
                await pause(stop, _IDLE_PAUSE_S)

    async def step(self) -> int:
        """Seal one batch, sign when it is time, keep the partitions now and then; how many rows were sealed."""
        sealed = await self._seals.seal(_BATCH)
        self._rows += sealed
        now = self._clock.monotonic()
        if self._rows >= CHECKPOINT_ROWS or now >= self._checkpoint_at:
            self._checkpoint_at = now + CHECKPOINT_S
            self._rows = 0
            _emit(await self._seals.add_checkpoint())
            self._observe(await self._seals.unsealed())
        if now >= self._partitions_at:
            self._partitions_at = now + _PARTITIONS_S
            await self._seals.keep_partitions(self._clock.now())
        return sealed


def _emit(statement: str | None) -> None:
    if statement is not None:
        _log.info("audit_checkpoint", statement=PublicText(statement))
