"""Applies a log's events in order, each at least once, from the stream when it can and from the log when it must."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import grpc.aio
import structlog

from services.chassis.clock import Clock
from services.chassis.cursors import CursorMoved, CursorStore
from services.chassis.errors import AppError, ErrorKind
from services.chassis.event_stream import EventStream
from services.chassis.lifecycle import pause
from services.chassis.metrics import Metrics
from services.chassis.peer_errors import to_app_error
from services.chassis.postgres import is_away
from services.chassis.redis_client import REDIS_AWAY, RedisClient
from services.chassis.stream_event import EventSource, StreamEvent

DeadLetter = Callable[[StreamEvent, Exception], Awaitable[None]]

# Shorter than the socket timeout of any Redis client of the house.
_BLOCK_MS: Final = 100
# Without a stream the log itself is asked this often.
_SOURCE_POLL_S: Final = 0.05
_SOURCE_POLL_EMPTY_STREAM_S: Final = 0.25
_REDIS_RETRY_S: Final = 0.5
_BACKOFF_FIRST_S: Final = 0.05
_BACKOFF_MAX_S: Final = 2.0
_TRANSIENT_KINDS: Final = frozenset(
    {ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE_EXCEEDED, ErrorKind.RESOURCE_EXHAUSTED, ErrorKind.ABORTED}
)


class EventHandler(Protocol):
    """What a consumer does with events."""

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        """Apply a batch, dense and in order. It may come again after a failure, so applying twice must equal once."""
        ...


class Consumer:
    """Reads one log for one purpose.

    Positions are dense, so the next event is cursor + 1 or there is a hole, which is filled from the source. Works
    without Redis, after a flush, and with deliveries that repeat or jump. An event whose handler keeps failing is
    handed to `dead_letter` and skipped; a store that is away is waited for instead.

    With `handler_saves_cursor` the handler moves the cursor inside its own transaction (cursors.advance_cursor).
    """

    def __init__(
        self,
        name: str,
        redis: RedisClient,
        stream: str,
        source: EventSource,
        handler: EventHandler,
        cursor_store: CursorStore,
        *,
        metrics: Metrics,
        clock: Clock,
        dead_letter: DeadLetter | None = None,
        batch: int = 500,
        handler_saves_cursor: bool = False,
        attempts: int = 5,
    ) -> None:
        self._name = name
        self._stream = EventStream(redis, stream)
        self._source = source
        self._handler = handler
        self._cursor_store = cursor_store
        self._dead_letter = dead_letter
        self._batch = batch
        self._handler_saves_cursor = handler_saves_cursor
        self._attempts = attempts
        self._clock = clock
        self._position = 0
        self._head = 0
        self._redis_retry_at = 0.0
        self._metrics = metrics
        self._position_gauge = metrics.consumer_pos.labels(name)
        self._lag_gauge = metrics.consumer_lag_events.labels(name)
        self._log = structlog.get_logger(__name__).bind(consumer=name)
        self.caught_up = asyncio.Event()

    @property
    def position(self) -> int:
        """The last position applied."""
        return self._position

    @property
    def head(self) -> int:
        """The greatest position known to exist."""
        return max(self._head, self._position)

    @property
    def lag(self) -> int:
        """Events known and not yet applied."""
        return self.head - self._position

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`. `caught_up` is set when the end of the log was reached for the first time."""
        backoff_s = _BACKOFF_FIRST_S
        loaded = False
        while not stop.is_set():
            try:
                if not loaded:
                    self._move_to(await self._cursor_store.load())
                    loaded = True
                batch = await self._next_batch(stop)
                if batch:
                    await self._apply(batch, stop)
                backoff_s = _BACKOFF_FIRST_S
            except CursorMoved:
                # Another instance is ahead: continue from where it is.
                loaded = False
                await pause(stop, _BACKOFF_FIRST_S)
            except Exception as error:
                if not _is_transient(error):
                    raise
                self._log.warning("consumer_waits", error=_describe(error), position=self._position)
                await pause(stop, backoff_s)
                backoff_s = min(backoff_s * 2, _BACKOFF_MAX_S)

    async def _next_batch(self, stop: asyncio.Event) -> list[StreamEvent]:
        if self._clock.monotonic() >= self._redis_retry_at:
            try:
                return await self._from_stream(stop)
            except REDIS_AWAY as error:
                self._redis_retry_at = self._clock.monotonic() + _REDIS_RETRY_S
                self._log.warning("stream_away", error=type(error).__name__)
        batch = await self._from_source()
        if not batch:
            await pause(stop, _SOURCE_POLL_S)
        return batch

    async def _from_stream(self, stop: asyncio.Event) -> list[StreamEvent]:
        entries = await self._stream.read(self._position, self._batch, _BLOCK_MS)
        batch = _dense(self._position, [StreamEvent(pos, data) for pos, data in entries])
        if entries:
            self._see_head(max(pos for pos, _ in entries))
        if batch:
            return batch
        tail = await self._stream.tail()
        if tail == self._position and tail > 0:
            self._reach_end()
            return []
        self._see_head(tail)
        # The stream is empty, behind, or starts after a hole: the log itself knows.
        batch = await self._from_source()
        if not batch:
            await pause(stop, _SOURCE_POLL_EMPTY_STREAM_S)
        return batch

    async def _from_source(self) -> list[StreamEvent]:
        batch = _dense(self._position, await self._source.read(self._position, self._batch))
        if batch:
            self._metrics.consumer_refills.labels(self._name).inc()
            self._see_head(batch[-1].pos)
        else:
            self._reach_end()
        return batch

    async def _apply(self, batch: Sequence[StreamEvent], stop: asyncio.Event) -> None:
        """Apply the batch; when that fails, its halves, down to the one event that cannot be applied."""
        try:
            await self._handler.apply(batch)
        except Exception as error:
            if isinstance(error, CursorMoved) or _is_transient(error):
                raise
            if len(batch) == 1:
                await self._retry_or_bury(batch[0], error, stop)
                return
            self._log.warning("batch_failed", error=_describe(error), first=batch[0].pos, last=batch[-1].pos)
            middle = len(batch) // 2
            await self._apply(batch[:middle], stop)
            if self._position == batch[middle - 1].pos:
                await self._apply(batch[middle:], stop)
            return
        if not self._handler_saves_cursor:
            await self._cursor_store.save(batch[-1].pos)
        self._move_to(batch[-1].pos)

    async def _retry_or_bury(self, event: StreamEvent, error: Exception, stop: asyncio.Event) -> None:
        backoff_s = _BACKOFF_FIRST_S
        for _ in range(self._attempts - 1):
            await pause(stop, backoff_s)
            if stop.is_set():
                # It is tried again after the restart; giving up takes all attempts.
                return
            backoff_s = min(backoff_s * 2, _BACKOFF_MAX_S)
            try:
                await self._handler.apply([event])
            except Exception as next_error:
                if isinstance(next_error, CursorMoved) or _is_transient(next_error):
                    raise
                error = next_error
            else:
                if not self._handler_saves_cursor:
                    await self._cursor_store.save(event.pos)
                self._move_to(event.pos)
                return
        self._log.error("event_dead", pos=event.pos, exc_info=error)
        self._metrics.consumer_dead_letters.labels(self._name).inc()
        if self._dead_letter is not None:
            await self._dead_letter(event, error)
        await self._cursor_store.save(event.pos)
        self._move_to(event.pos)

    def _move_to(self, pos: int) -> None:
        self._position = pos
        self._position_gauge.set(pos)
        self._lag_gauge.set(self.lag)

    def _see_head(self, pos: int) -> None:
        self._head = max(self._head, pos)
        self._lag_gauge.set(self.lag)

    def _reach_end(self) -> None:
        self._head = self._position
        self._lag_gauge.set(0)
        self.caught_up.set()


def _dense(position: int, events: Sequence[StreamEvent]) -> list[StreamEvent]:
    """The events that directly follow `position`, in order, without repeats, up to the first hole."""
    batch: list[StreamEvent] = []
    for event in sorted(events, key=lambda event: event.pos):
        if event.pos == position + 1:
            batch.append(event)
            position = event.pos
        elif event.pos > position:
            break
    return batch


def _is_transient(error: Exception) -> bool:
    if isinstance(error, grpc.aio.AioRpcError):
        error = to_app_error(error)
    if isinstance(error, AppError):
        return error.kind in _TRANSIENT_KINDS
    return isinstance(error, REDIS_AWAY) or is_away(error)


def _describe(error: Exception) -> str:
    return error.reason if isinstance(error, AppError) else type(error).__name__
