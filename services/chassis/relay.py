"""The road from a database's event log to its stream: gives events dense positions, then publishes them in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import asyncpg
import structlog

from services.chassis.clock import Clock
from services.chassis.errors import AppError
from services.chassis.event_log import EventRow, PostgresEventLog
from services.chassis.event_stream import EventStream
from services.chassis.lifecycle import pause
from services.chassis.metrics import Metrics
from services.chassis.partitions import DailyTable, drop_old_partitions, ensure_daily_partitions
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.chassis.redis_client import REDIS_AWAY, RedisClient
from services.chassis.stream_event import encoded

EVENTS_TABLE: Final = DailyTable("events")

_BUSY_PAUSE_S: Final = 0.002
_IDLE_PAUSE_S: Final = 0.020
_IDLE_GROWTH: Final = 1.5
_AWAY_PAUSE_S: Final = 0.25
# An idle stream is looked at this often, in case Redis lost it.
_STREAM_CHECK_S: Final = 1.0
_METRICS_S: Final = 2.0
_PARTITIONS_S: Final = 3600.0
_PARTITIONS_RETRY_S: Final = 10.0
# Into an empty stream go the last events only; consumers read older ones from the log.
_FRESH_STREAM_EVENTS: Final = 1000

# A transaction's events become readable when it commits, not when they are numbered. Only below the snapshot's xmin is
# every transaction finished, so (xid, seq) below it is final. The day bound prunes old partitions: an event is at most
# one transaction older than the last one stamped, and transactions are limited to seconds.
_UNSTAMPED: Final = """
    FROM events e
    WHERE (e.xid, e.seq) > ((SELECT last_xid FROM relay_state), (SELECT last_seq FROM relay_state))
        AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
        AND e.occurred_at >= (SELECT last_occurred_at FROM relay_state) - interval '2 days'
"""
# The order makes the planner walk the index from the cursor on; without it a day's partition is read whole.
_PENDING_SQL: Final = f"SELECT true {_UNSTAMPED} ORDER BY e.xid, e.seq LIMIT 1"
_LOCK_SQL: Final = "SELECT true FROM relay_state FOR NO KEY UPDATE SKIP LOCKED"
_STAMP_SQL: Final = f"""
    WITH batch AS MATERIALIZED (
        SELECT e.xid, e.seq, e.occurred_at {_UNSTAMPED} ORDER BY e.xid, e.seq LIMIT $1
    ), numbered AS (
        SELECT *, (SELECT last_pos FROM relay_state) + row_number() OVER (ORDER BY xid, seq) AS pos FROM batch
    ), stamped AS (
        INSERT INTO event_positions (pos, event_seq, event_occurred_at) SELECT pos, seq, occurred_at FROM numbered
    )
    UPDATE relay_state SET last_xid = n.xid, last_seq = n.seq, last_pos = n.pos,
        last_occurred_at = greatest(last_occurred_at, (SELECT max(occurred_at) FROM batch))
    FROM (SELECT xid, seq, pos FROM numbered ORDER BY pos DESC LIMIT 1) n
    RETURNING relay_state.last_pos
"""
_HORIZON_AGE_SQL: Final = """
    SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8
    FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND datname = current_database()
"""
_FOREIGN_CURSOR_SQL: Final = "SELECT last_xid >= pg_snapshot_xmax(pg_current_snapshot()) FROM relay_state"


class ForeignLogError(Exception):
    """The log was restored into another database cluster: its transaction numbers mean nothing there."""


class Relay:
    """Stamps and publishes. Any number may run at once; a lock lets one stamp, and the stream's tail orders publishing.

    Killed anywhere, it loses nothing: stamping is one transaction, and publishing continues from the stream's own tail.
    """

    def __init__(
        self,
        pool: PostgresPool,
        redis: RedisClient,
        stream: str,
        encode: Callable[[EventRow], bytes],
        clock: Clock,
        *,
        metrics: Metrics,
        batch: int = 500,
        max_stream_length: int = 100_000,
        partitions: Sequence[DailyTable] = (),
    ) -> None:
        self._pool = pool
        self._log_reader = PostgresEventLog(pool)
        self._stream = EventStream(redis, stream, max_stream_length)
        self._encode = encode
        self._clock = clock
        self._batch = batch
        self._partitions = (EVENTS_TABLE, *partitions)
        self._head = 0
        self._tail: int | None = None
        self._check_stream_at = 0.0
        self._redis_retry_at = 0.0
        self._head_gauge = metrics.log_head_pos.labels(stream)
        self._published_gauge = metrics.log_published_pos.labels(stream)
        self._horizon_gauge = metrics.log_horizon_age_seconds.labels(stream)
        self._log = structlog.get_logger(__name__).bind(stream=stream)

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until `stop`; stores may come and go meanwhile. ForeignLogError when the log is another cluster's."""
        chores = asyncio.create_task(self._chores(stop))
        idle_pause_s = _BUSY_PAUSE_S
        started = False
        try:
            while not stop.is_set():
                try:
                    if not started:
                        await self._start()
                        started = True
                    worked = await self.step()
                except AppError as error:
                    self._log.warning("relay_waits", reason=error.reason)
                    await pause(stop, _AWAY_PAUSE_S)
                    continue
                idle_pause_s = _BUSY_PAUSE_S if worked else min(idle_pause_s * _IDLE_GROWTH, _IDLE_PAUSE_S)
                await pause(stop, idle_pause_s)
        finally:
            chores.cancel()
            await asyncio.gather(chores, return_exceptions=True)

    async def step(self) -> bool:
        """Stamp one batch and publish one; whether there was anything to do. AppError UNAVAILABLE without Postgres."""
        stamped = await self.stamp()
        published = await self._publish_unless_away()
        return stamped > 0 or published > 0

    async def stamp(self) -> int:
        """Give positions to the next final events, at most one batch; how many."""
        async with unavailable_as_app_error():
            # Most of the time there is nothing: that is found out without a lock.
            if not await self._pool.fetchval(_PENDING_SQL):
                return 0
            async with self._pool.acquire() as connection, connection.transaction():
                if not await connection.fetchval(_LOCK_SQL):
                    return 0
                before = self._head
                head: int | None = await connection.fetchval(_STAMP_SQL, self._batch)
        if head is None:
            return 0
        self._head = head
        self._head_gauge.set(head)
        return max(1, min(self._batch, head - before))

    async def publish(self) -> int:
        """Add the next batch of stamped events to the stream; how many. Raises REDIS_AWAY errors without Redis."""
        now = self._clock.monotonic()
        if self._tail is None or now >= self._check_stream_at:
            self._check_stream_at = now + _STREAM_CHECK_S
            await self._look_at_stream()
        if self._tail is None or self._tail >= self._head:
            return 0
        rows = await self._log_reader.read(self._tail, self._batch)
        if not rows:
            return 0
        self._tail = await self._stream.append(rows[0].pos, [encoded(row, self._encode) for row in rows])
        self._published_gauge.set(self._tail)
        return len(rows)

    async def _publish_unless_away(self) -> int:
        if self._clock.monotonic() < self._redis_retry_at:
            return 0
        try:
            return await self.publish()
        except REDIS_AWAY as error:
            # Stamping goes on: consumers that need the events can read them from the log.
            self._redis_retry_at = self._clock.monotonic() + _AWAY_PAUSE_S
            self._tail = None
            self._log.warning("stream_away", error=type(error).__name__)
            return 0

    async def _look_at_stream(self) -> None:
        # The order matters: a tail read before the head cannot be beyond it, unless it belongs to another log.
        tail = await self._stream.tail()
        self._head = await self._log_reader.head()
        self._head_gauge.set(self._head)
        if tail > self._head:
            self._log.error("stream_belongs_to_another_log", tail=tail, head=self._head)
            await self._stream.drop(tail)
            tail = 0
        self._tail = tail if tail > 0 else max(0, self._head - _FRESH_STREAM_EVENTS)

    async def _start(self) -> None:
        async with unavailable_as_app_error():
            if await self._pool.fetchval(_FOREIGN_CURSOR_SQL):
                raise ForeignLogError("relay_state.last_xid is in this cluster's future")

    async def _chores(self, stop: asyncio.Event) -> None:
        partitions_at = 0.0
        while not stop.is_set():
            now = self._clock.monotonic()
            try:
                if now >= partitions_at:
                    partitions_at = now + _PARTITIONS_RETRY_S
                    await self._keep_partitions()
                    partitions_at = now + _PARTITIONS_S
                self._horizon_gauge.set(await self._pool.fetchval(_HORIZON_AGE_SQL))
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._log.warning("relay_chore_failed", error=type(error).__name__)
            await pause(stop, _METRICS_S)

    async def _keep_partitions(self) -> None:
        now = self._clock.now()
        for table in self._partitions:
            async with self._pool.acquire() as connection:
                made = await ensure_daily_partitions(connection, table, now=now)
                dropped = await drop_old_partitions(connection, table, now=now)
            if made:
                self._log.info("partitions_made", table=table.name, first=made[0], count=len(made))
            if dropped:
                self._log.info("partitions_dropped", table=table.name, last=dropped[-1], count=len(dropped))
