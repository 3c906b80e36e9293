"""The relay of social's event log: `python -m services.social.workers.relay`."""

from __future__ import annotations

import asyncio
import sys

from services.chassis.partitions import DailyTable
from services.chassis.relay import Relay
from services.social.adapters.event_codec import STREAM, encode
from services.social.workers.process import WorkerParts, run_worker


async def relay(parts: WorkerParts, stop: asyncio.Event) -> None:
    """Stamp and publish; make the partitions of the days to come."""
    partitions = [DailyTable("posts", key="id")]
    await Relay(parts.pool, parts.redis, STREAM, encode, parts.clock, metrics=parts.metrics, partitions=partitions).run(
        stop
    )


if __name__ == "__main__":
    sys.exit(run_worker("social-relay", relay))
