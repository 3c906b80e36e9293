"""The fan-out: new posts into followers' inboxes. `python -m services.social.workers.fan_out`."""

from __future__ import annotations

import asyncio
import sys

from services.chassis.consumer import Consumer
from services.chassis.cursors import PostgresCursorStore, PostgresDeadLetters
from services.chassis.event_log import PostgresEventLog
from services.chassis.lifecycle import supervised
from services.chassis.stream_event import LogSource
from services.social.adapters.event_codec import STREAM, encode
from services.social.adapters.fan_out import CONSUMER, FanOut
from services.social.adapters.fan_out_metrics import FanOutMetrics
from services.social.adapters.redis_inbox import RedisInboxes
from services.social.workers.process import WorkerParts, run_worker


async def fan_out(parts: WorkerParts, stop: asyncio.Event) -> None:
    """Consume social's events, and do the jobs; the cursor is saved after the effects, which may be repeated."""
    log = LogSource(PostgresEventLog(parts.pool), encode)
    metrics = FanOutMetrics(parts.metrics.registry)
    handler = FanOut(parts.pool, RedisInboxes(parts.redis), log, parts.clock, metrics=metrics)
    consumer = Consumer(
        CONSUMER,
        parts.redis,
        STREAM,
        log,
        handler,
        PostgresCursorStore(parts.pool, CONSUMER),
        metrics=parts.metrics,
        clock=parts.clock,
        dead_letter=PostgresDeadLetters(parts.pool, CONSUMER),
    )
    await supervised(stop, consumer=consumer.run(stop), jobs=handler.jobs.run(stop), watch=handler.watch(stop))


if __name__ == "__main__":
    sys.exit(run_worker("social-fan-out", fan_out))
