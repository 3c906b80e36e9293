"""Forgets what is over: sessions long expired, windows of attempts long closed."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from services.auth.domain.attempts import AttemptLimit
from services.chassis.clock import Clock
from services.chassis.errors import AppError

_EVERY_S: Final = 300.0
# An expired session is kept so long that a replay of its tokens can still be explained.
_KEEP_SESSIONS: Final = timedelta(days=7)
_BATCH: Final = 1000

_log = structlog.get_logger(__name__)


class Purgeable(Protocol):
    """Rows that end."""

    async def purge(self, before: datetime, limit: int, /) -> int:
        """Delete at most `limit` rows that ended before; how many. AppError UNAVAILABLE when the database is away."""
        ...


class Housekeeping:
    """Deletes in small batches, now and then; any number of replicas may do so at once."""

    def __init__(self, sessions: Purgeable, attempts: Purgeable, limit: AttemptLimit, clock: Clock) -> None:
        self._sessions = sessions
        self._attempts = attempts
        self._limit = limit
        self._clock = clock

    async def sweep(self) -> int:
        """Delete what is over; how many rows. AppError UNAVAILABLE when the database is away."""
        now = self._clock.now()
        swept = 0
        for rows, before in ((self._sessions, now - _KEEP_SESSIONS), (self._attempts, now - self._limit.window)):
            while (count := await rows.purge(before, _BATCH)) > 0:
                swept += count
                if count < _BATCH:
                    break
        return swept

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until `stop`."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(_EVERY_S):
                    await stop.wait()
            except TimeoutError:
                try:
                    swept = await self.sweep()
                except AppError as error:
                    _log.warning("housekeeping_waits", reason=error.reason)
                else:
                    _log.info("housekeeping_done", rows=swept)
