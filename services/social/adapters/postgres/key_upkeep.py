"""Forgets idempotency keys that nobody repeats any more."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import AppError
from services.chassis.idempotency import purge
from services.chassis.lifecycle import pause
from services.chassis.postgres import PostgresPool, unavailable_as_app_error

KEPT: Final = timedelta(days=7)
_EVERY_S: Final = 600.0
_BATCH: Final = 1000
_log = structlog.get_logger(__name__)


class KeyUpkeep:
    """Any number may run at once."""

    def __init__(self, pool: PostgresPool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Forget old keys now and every ten minutes, until `stop`."""
        while not stop.is_set():
            try:
                forgotten = await self.forget(stop)
                if forgotten:
                    _log.info("idempotency_keys_forgotten", keys=forgotten)
            except AppError as error:
                _log.warning("key_upkeep_waits", error=error.reason)
            await pause(stop, _EVERY_S)

    async def forget(self, stop: asyncio.Event) -> int:
        """Forget all keys older than a week, in small transactions; how many. AppError UNAVAILABLE."""
        before, forgotten = self._clock.now() - KEPT, 0
        while not stop.is_set():
            async with unavailable_as_app_error(), self._pool.acquire() as connection:
                count = await purge(connection, before, _BATCH)
            forgotten += count
            if count < _BATCH:
                break
        return forgotten
