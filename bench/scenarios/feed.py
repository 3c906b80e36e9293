"""The home feed, 20 posts ranked and hydrated: warm over gRPC, warm through the gateway, and after losing Redis."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import grpc.aio
import redis

from bench import ghz, http_load
from bench.ghz import LoadRun
from bench.platform import Platform, Reader
from bench.results import Measurement, measured, percentile
from daira.social.v1 import feed_service_pb2 as pb

READERS = 100
WARM_READERS = 16
FOLLOWS = 60
CLIENTS = 4
ROUNDS = 5
SECONDS = 6.0
METHOD = "daira.social.v1.FeedService/GetHomeFeed"
QUERY = """query Feed {
  homeFeed(first: 20) {
    edges {
      cursor
      node {
        post { id body language kind createdAt likesCount viewerLikes author { id handle displayName } }
        whyShown { source score }
      }
    }
    pageInfo { hasNextPage endCursor }
    degraded
  }
}"""


def run(platform: Platform) -> list[Measurement]:
    """Rounds of gRPC and gateway in turn, then the cold ones."""
    readers = platform.readers(READERS, FOLLOWS)
    warm = readers[:WARM_READERS]
    asyncio.run(first_reads(platform, warm))
    through_grpc: list[LoadRun] = []
    through_gateway: list[LoadRun] = []
    gateway_cpu_ms: list[float] = []
    by_gateway(platform, warm, 1.0)
    by_grpc(platform, warm, 1.0)
    for _ in range(ROUNDS):
        through_grpc.append(by_grpc(platform, warm, SECONDS))
        before = platform.scratch.cpu_seconds("gateway")
        through_gateway.append(by_gateway(platform, warm, SECONDS))
        answers = len(through_gateway[-1].latencies_ms) + through_gateway[-1].failures
        gateway_cpu_ms.append((platform.scratch.cpu_seconds("gateway") - before) * 1000 / answers)
    cold = [asyncio.run(cold_reads(platform, readers)) for _ in range(ROUNDS)]
    return [
        *figures("feed.grpc.warm", through_grpc),
        *figures("feed.gateway.warm", through_gateway),
        measured("gateway.cpu_ms_per_feed", gateway_cpu_ms),
        measured("feed.cold.p50_ms", [percentile(one, 50) for one in cold]),
        measured("feed.cold.p99_ms", [percentile(one, 99) for one in cold]),
    ]


def figures(name: str, runs: Sequence[LoadRun], percents: Sequence[int] = (50, 95, 99)) -> list[Measurement]:
    """Percentiles, rate and failures of some runs; raises RuntimeError when nothing was answered."""
    if not all(one.latencies_ms for one in runs):
        raise RuntimeError(f"{name}: a run without a single answer")
    return [
        *(
            measured(f"{name}.p{percent}_ms", [percentile(one.latencies_ms, percent) for one in runs])
            for percent in percents
        ),
        measured(f"{name}.rps", [one.rps for one in runs]),
        measured(f"{name}.failures", [one.failures for one in runs]),
    ]


def by_grpc(platform: Platform, readers: Sequence[Reader], seconds: float) -> LoadRun:
    """Feeds from social itself."""
    address = platform.scratch.endpoints["SOCIAL_ADDRESS"]
    tokens = [reader.token for reader in readers]
    return ghz.run(address, METHOD, {"page_size": 20}, tokens=tokens, seconds=seconds, clients=CLIENTS)


def by_gateway(platform: Platform, readers: Sequence[Reader], seconds: float) -> LoadRun:
    """Feeds as GraphQL over HTTP."""
    body = json.dumps({"query": QUERY}).encode()
    requests = [
        http_load.HttpRequest.post("/graphql", body, headers={"authorization": f"Bearer {reader.token}"})
        for reader in readers
    ]
    url = urlsplit(platform.scratch.endpoints["GATEWAY_URL"])
    run = http_load.run(url.hostname or "", url.port or 80, requests, seconds=seconds, clients=CLIENTS)
    return asyncio.run(run)


async def cold_reads(platform: Platform, readers: Sequence[Reader]) -> list[float]:
    """Milliseconds of the first feed of each reader, one after another, after Redis has lost everything."""
    server = redis.Redis.from_url(platform.scratch.endpoints["REDIS_URL"])
    server.flushall()
    server.close()
    return await first_reads(platform, readers)


async def first_reads(platform: Platform, readers: Sequence[Reader]) -> list[float]:
    """Milliseconds of one feed of each reader; raises when a call fails, or a feed is not full."""
    taken = []
    async with grpc.aio.insecure_channel(platform.scratch.endpoints["SOCIAL_ADDRESS"]) as channel:
        await channel.channel_ready()
        call: Any = channel.unary_unary(f"/{METHOD}", pb.GetHomeFeedRequest.SerializeToString, None)
        for reader in readers:
            before = time.perf_counter()
            answer = await call(
                pb.GetHomeFeedRequest(page_size=20), metadata=(("authorization", f"Bearer {reader.token}"),), timeout=10
            )
            taken.append((time.perf_counter() - before) * 1000)
            feed = pb.GetHomeFeedResponse.FromString(answer)
            if len(feed.items) < 20 or not feed.items[0].HasField("ranking"):
                raise RuntimeError(f"a feed of {len(feed.items)} posts")
    return taken
