"""Lets events with times long past into a log whose relay looks only at recent ones.

The relay skips what happened more than two days before the last event that has a position: no writer is that slow, and
old partitions stay unread. A load writes such events on purpose. So everything before the load gets its position first,
and the load itself moves the relay's look back to the beginning, from where it follows the loaded events up to now.
"""

from __future__ import annotations

import asyncio
import time

from dev.errors import DevError
from services.chassis.clock import SystemClock
from services.chassis.event_log import EventRow
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresConnection, create_pool
from services.chassis.redis_client import create_redis
from services.chassis.relay import Relay

BATCH = 5_000
PATIENCE_S = 300.0
POLL_S = 0.05
# Only stamping is asked of the relay here, so no Redis is ever reached for.
NO_REDIS = "redis://127.0.0.1:1"
UNSTAMPED = """
    SELECT EXISTS (
        SELECT 1 FROM events e, relay_state r
        WHERE (e.xid, e.seq) > (r.last_xid, r.last_seq)
            AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
            AND e.occurred_at >= r.last_occurred_at - interval '2 days'
    )
"""
LOOK_BACK = "UPDATE relay_state SET last_occurred_at = '-infinity'"


async def give_positions(url: str) -> None:
    """Give every finished event its position, with the relay's help or without; DevError when that takes long."""
    pool = await create_pool(url, application_name="daira-load", min_size=1, max_size=2, statement_timeout_ms=60_000)
    redis = create_redis(NO_REDIS, timeout_s=1.0, client_name="daira-load")
    relay = Relay(pool, redis, "none", _never, SystemClock(), metrics=Metrics(), batch=BATCH)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while await pool.fetchval(UNSTAMPED):
            if time.monotonic() > deadline:
                raise DevError("The events before this load did not get their positions.", "Load again later.")
            # Nothing stamped: the relay of a running platform holds the lock and is at it.
            if not await relay.stamp():
                await asyncio.sleep(POLL_S)
    finally:
        await redis.aclose()
        await pool.close()


async def look_back(connection: PostgresConnection) -> None:
    """The load's last statement: the relay will look at events of any age until it has passed the loaded ones."""
    await connection.execute(LOOK_BACK)


def _never(_row: EventRow) -> bytes:
    raise AssertionError("stamping encodes nothing")
