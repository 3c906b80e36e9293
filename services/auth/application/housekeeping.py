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
# What expired is kept so long that a replay can still be explained.
_KEEP: Final = timedelta(days=7)
_BATCH: Final = 1000

_log = structlog.get_logger(__name__)


Purge = Callable[[datetime, int], Awaitable[int]]
"""Deletes at most so many rows that ended before a moment, and says how many."""


class Housekeeping:
    """Deletes in small batches, now and then; any number of replicas may do so at once.

    `more` are further chores, each with how long what ended is kept.
    """

    def __init__(
        self,
        purge_sessions: Purge,
        purge_tokens: Purge,
        purge_attempts: Purge,
        clock: Clock,
        more: Sequence[tuple[Purge, timedelta]] = (),
    ) -> None:
        self._more = tuple(more)
        self._purge_sessions = purge_sessions
        self._purge_tokens = purge_tokens
        self._purge_attempts = purge_attempts
        self._clock = clock

    async def sweep(self) -> int:
        """Delete what is over; how many rows. AppError UNAVAILABLE when the database is away."""
        now = self._clock.now()
        chores = (
            (self._purge_tokens, now - _KEEP),
            (self._purge_sessions, now - _KEEP),
            (self._purge_attempts, now),
            *((purge, now - keep) for purge, keep in self._more),
        )
        swept = 0
        for purge, before in chores:
            while (count := await purge(before, _BATCH)) > 0:
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
