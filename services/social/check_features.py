"""Compares the feature tables of replicas with a replay of the event log: `python -m services.social.check_features`.

Takes the addresses of replicas (default: SOCIAL_LISTEN's own). Prints a line each; exit code 1 when one differs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from dataclasses import dataclass

import grpc.aio

from daira.social.v1 import feature_service_pb2, feature_service_pb2_grpc
from services.chassis.clock import SystemClock
from services.chassis.event_log import PostgresEventLog
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool, create_pool
from services.chassis.stream_event import LogSource
from services.social.adapters.event_codec import encode
from services.social.adapters.feature_feed import FeatureFeed
from services.social.adapters.feed_metrics import FeedMetrics
from services.social.adapters.native_ranker import NativeRanker
from services.social.config import SocialSettings, social_settings

_BATCH = 2_000
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Replica:
    """What a replica says of its table."""

    address: str
    position: int
    checksum: str


async def ask(address: str, settings: SocialSettings) -> Replica:
    """Ask a replica. AioRpcError when it does not answer."""
    tokens = settings.identity.tokens_for("social", SystemClock())
    async with grpc.aio.insecure_channel(address) as channel:
        stub = feature_service_pb2_grpc.FeatureServiceStub(channel)
        answer: feature_service_pb2.GetFeatureTableResponse = await stub.GetFeatureTable(
            feature_service_pb2.GetFeatureTableRequest(),
            metadata=[] if tokens is None else [("authorization", f"Bearer {tokens.mint()}")],
            timeout=_TIMEOUT_S,
        )
    return Replica(address, answer.position, answer.checksum)


class Replay:
    """A table of its own, made of nothing but events."""

    def __init__(self, pool: PostgresPool, settings: SocialSettings) -> None:
        ranker = NativeRanker(
            freshness_half_life_s=settings.freshness_half_life_s,
            max_posts=settings.max_hot_posts,
            metrics=FeedMetrics(Metrics()),
        )
        self._table = FeatureFeed(ranker, pool)
        self._table.begin_empty()
        self._log = LogSource(PostgresEventLog(pool), encode)

    async def checksum_at(self, position: int) -> str:
        """Go on to a position, which must not be before the one reached; the checksum there."""
        while self._table.position < position:
            batch = await self._log.read(self._table.position, min(_BATCH, position - self._table.position))
            if not batch:
                raise RuntimeError(f"the log ends at {self._table.position}, before {position}")
            await self._table.apply(batch)
            if sys.stderr.isatty():
                sys.stderr.write(f"\rreplaying events: {self._table.position} of {position}")
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K")
        return f"{self._table.checksum():016x}"


async def check(addresses: list[str], settings: SocialSettings) -> bool:
    """Whether each replica's table is what the events make of it. AppError, AioRpcError."""
    replicas = sorted([await ask(address, settings) for address in addresses], key=lambda replica: replica.position)
    pool = await create_pool(settings.worker.database_url, application_name="check-features", max_size=2)
    is_right = True
    try:
        replay = Replay(pool, settings)
        for replica in replicas:
            expected = await replay.checksum_at(replica.position)
            equal = expected == replica.checksum
            is_right = is_right and equal
            said = "equal to the replay" if equal else f"DIFFERS: the replay has {expected}"
            sys.stdout.write(f"{replica.address}  position {replica.position}  {replica.checksum}  {said}\n")
    finally:
        await pool.close()
    if not is_right:
        sys.stdout.write(
            "A replica holds what it wrote itself a moment before the event: ask again while nobody writes.\n"
            "If it still differs, restart the replica: it fills its table anew.\n"
        )
    return is_right


def main() -> int:
    """Check, and return the exit code."""
    parser = argparse.ArgumentParser(prog="check_features", description=__doc__)
    parser.add_argument("addresses", nargs="*", metavar="host:port")
    settings = social_settings(os.environ)
    addresses = parser.parse_args().addresses or [settings.listen]
    return 0 if asyncio.run(check(addresses, settings)) else 1


if __name__ == "__main__":
    sys.exit(main())
