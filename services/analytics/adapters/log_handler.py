"""Between a consumer of the chassis and the ingestion of one service's events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from services.analytics.adapters.event_codec import decode_event
from services.analytics.application.ingest import Ingest
from services.chassis.clock import Clock
from services.chassis.stream_event import StreamEvent

_MAX_ERROR_CHARS: Final = 2000


class LogHandler:
    """Handler, cursor store and dead-letter box of one service's log, all in the column store.

    A column store wants few large inserts: after a small one the handler waits `pace_s`, in which more events gather.
    """

    def __init__(self, ingest: Ingest, clock: Clock, *, pace_s: float = 0.25, small_batch: int = 1000) -> None:
        self._ingest = ingest
        self._clock = clock
        self._pace_s = pace_s
        self._small_batch = small_batch
        self._not_before = 0.0

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        """Store the events and the mark behind them; AppError UNAVAILABLE when the store is away."""
        events = [decode_event(event.data) for event in batch]
        await asyncio.sleep(max(0.0, min(self._pace_s, self._not_before - self._clock.monotonic())))
        await self._ingest.store(events)
        pace_s = self._pace_s if len(batch) < self._small_batch else 0.0
        self._not_before = self._clock.monotonic() + pace_s

    async def load(self) -> int:
        """The position to continue after; AppError UNAVAILABLE when the store is away."""
        return await self._ingest.position()

    async def save(self, pos: int) -> None:
        """Nothing: `apply` and `bury` leave their marks themselves, beside the events."""

    async def bury(self, event: StreamEvent, error: Exception) -> None:
        """Put aside an event that cannot be stored; AppError UNAVAILABLE when the store is away."""
        await self._ingest.skip(event.pos, event.data, f"{type(error).__name__}: {error}"[:_MAX_ERROR_CHARS])
