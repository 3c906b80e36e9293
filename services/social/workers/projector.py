"""The projector: counters, affinities and fan-in modes. `python -m services.social.workers.projector`."""

from __future__ import annotations

import asyncio
import sys

from services.chassis.consumer import Consumer
from services.chassis.cursors import PostgresCursorStore, PostgresDeadLetters
from services.chassis.event_log import PostgresEventLog
from services.chassis.stream_event import LogSource
from services.social.adapters.event_codec import STREAM, encode
from services.social.adapters.projector import CONSUMER, Projector
from services.social.workers.process import WorkerParts, run_worker


async def project(parts: WorkerParts, stop: asyncio.Event) -> None:
    """Consume social's events; each batch's effect and cursor commit together."""
    await Consumer(
        CONSUMER,
        parts.redis,
        STREAM,
        LogSource(PostgresEventLog(parts.pool), encode),
        Projector(parts.pool, parts.settings.fan_in_threshold),
        PostgresCursorStore(parts.pool, CONSUMER),
        metrics=parts.metrics,
        clock=parts.clock,
        dead_letter=PostgresDeadLetters(parts.pool, CONSUMER),
        batch=1000,
        handler_saves_cursor=True,
    ).run(stop)


if __name__ == "__main__":
    sys.exit(run_worker("social-projector", project))
