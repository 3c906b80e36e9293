"""The relay of social's event log, and the chores of its database: `python -m services.social.workers.relay`."""

from __future__ import annotations

import asyncio
import sys

from services.chassis.lifecycle import supervised
from services.chassis.relay import Relay
from services.social.adapters.event_codec import STREAM, encode
from services.social.adapters.postgres.daily_tables import DAILY_TABLES
from services.social.adapters.postgres.key_upkeep import KeyUpkeep
from services.social.workers.process import WorkerParts, run_worker


async def relay(parts: WorkerParts, stop: asyncio.Event) -> None:
    """Stamp and publish; make the partitions of the days to come, drop those of days gone by, and forget old keys."""
    of_log = Relay(parts.pool, parts.redis, STREAM, encode, parts.clock, metrics=parts.metrics, partitions=DAILY_TABLES)
    await supervised(stop, relay=of_log.run(stop), upkeep=KeyUpkeep(parts.pool, parts.clock).run(stop))


if __name__ == "__main__":
    sys.exit(run_worker("social-relay", relay))
