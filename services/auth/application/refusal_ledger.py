"""Writes refusals down a moment after they were answered: an answer must not take longer because it names somebody."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime
from typing import Final

import structlog

from services.auth.application.audit_ports import AuditDetail, RefusalTrail
from services.chassis.clock import Clock
from services.chassis.errors import AppError

_EVERY_S: Final = 0.5
# What hashing lets through in minutes without a database.
_MOST: Final = 10_000

_log = structlog.get_logger(__name__)


class RefusalLedger:
    """The refusals of one process, written together at fixed times and when it stops.

    A row about a person is more work than a count of nobody's, and whoever tries names could measure it. Killed within
    that half second, a process has counted the guess, which is what bounds guessing, and loses its line in the log.
    """

    def __init__(self, trail: RefusalTrail, clock: Clock) -> None:
        self._trail = trail
        self._clock = clock
        self._waiting: deque[tuple[str, int, AuditDetail, datetime]] = deque(maxlen=_MOST)
        self._writing = asyncio.Lock()

    def refuse(self, kind: str, subject_id: int, detail: AuditDetail) -> None:
        """A refusal, of now; subject 0 for nobody's account. Without a database for long the oldest are forgotten."""
        self._waiting.append((kind, subject_id, detail, self._clock.now()))

    async def flush(self) -> None:
        """Write what waits; AppError UNAVAILABLE when the database is away, and then nothing is lost."""
        async with self._writing:
            while self._waiting:
                refusal = self._waiting.popleft()
                try:
                    await self._trail.refuse(*refusal)
                except AppError:
                    self._waiting.appendleft(refusal)
                    raise

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop`, and then what is left."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(_EVERY_S):
                    await stop.wait()
            except TimeoutError:
                pass
            try:
                await self.flush()
            except AppError as error:
                _log.warning("refusals_wait", reason=error.reason, waiting=len(self._waiting))
