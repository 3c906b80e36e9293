"""Forgets what is over: sessions and tokens long expired, windows of attempts long closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import AppError

_EVERY_S: Final = 300.0
_BATCH: Final = 1000

_log = structlog.get_logger(__name__)


Purge = Callable[[datetime, int], Awaitable[int]]
"""Deletes at most so many rows that ended before a moment, and says how many."""


class Housekeeping:
    """Deletes in small batches, now and then; any number of replicas may do so at once.

    Each of `chores` comes with how long what ended is kept.
    """

    def __init__(self, chores: Sequence[tuple[Purge, timedelta]], clock: Clock) -> None:
        self._chores = tuple(chores)
        self._clock = clock

    async def sweep(self) -> int:
        """Delete what is over; how many rows. AppError UNAVAILABLE when the database is away."""
        now = self._clock.now()
        swept = 0
        for purge, keep in self._chores:
            while (count := await purge(now - keep, _BATCH)) > 0:
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
