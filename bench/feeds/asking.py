"""Ways to ask for a home feed of 20 posts: over gRPC from social itself, and as GraphQL over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import grpc.aio

from bench import ghz, http_load
from bench.load_run import LoadRun
from bench.platform import Platform, Reader
from daira.social.v1 import feed_service_pb2 as pb

PAGE = 20
METHOD = "daira.social.v1.FeedService/GetHomeFeed"
RANKED = {"page_size": PAGE}
LATEST = {"page_size": PAGE, "mode": "FEED_MODE_LATEST"}
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
PATIENCE_S = 10.0

# (platform, readers, seconds, clients of a closed loop or calls a second of an open one)
Ask = Callable[[Platform, Sequence[Reader], float, int], LoadRun]


def by_grpc(platform: Platform, readers: Sequence[Reader], seconds: float, clients: int) -> LoadRun:
    """Ranked feeds from social itself, in a closed loop."""
    return ghz.run(address(platform), METHOD, RANKED, tokens=tokens(readers), seconds=seconds, clients=clients)


def latest_by_grpc(platform: Platform, readers: Sequence[Reader], seconds: float, clients: int) -> LoadRun:
    """Feeds in order of time from social itself, in a closed loop."""
    return ghz.run(address(platform), METHOD, LATEST, tokens=tokens(readers), seconds=seconds, clients=clients)


def by_gateway(platform: Platform, readers: Sequence[Reader], seconds: float, clients: int) -> LoadRun:
    """Ranked feeds as GraphQL over HTTP, in a closed loop."""
    host, port = gateway(platform)
    return asyncio.run(http_load.run(host, port, requests(readers), seconds=seconds, clients=clients))


def open_by_grpc(platform: Platform, readers: Sequence[Reader], seconds: float, rate: int) -> LoadRun:
    """Ranked feeds from social itself, `rate` a second whatever is answered."""
    return ghz.run_open(address(platform), METHOD, RANKED, tokens=tokens(readers), seconds=seconds, rate=rate)


def open_by_gateway(platform: Platform, readers: Sequence[Reader], seconds: float, rate: int) -> LoadRun:
    """Ranked feeds as GraphQL over HTTP, `rate` a second whatever is answered."""
    host, port = gateway(platform)
    return asyncio.run(http_load.run_open(host, port, requests(readers), seconds=seconds, rate=rate))


async def first_reads(platform: Platform, readers: Sequence[Reader]) -> list[float]:
    """Milliseconds of one feed of each reader, one after another; raises when a call fails, or a feed is not full."""
    taken = []
    async with grpc.aio.insecure_channel(address(platform)) as channel:
        await channel.channel_ready()
        call: Any = channel.unary_unary(f"/{METHOD}", pb.GetHomeFeedRequest.SerializeToString, None)
        for reader in readers:
            metadata = (("authorization", f"Bearer {reader.token}"),)
            before = time.perf_counter()
            answer = await call(pb.GetHomeFeedRequest(page_size=PAGE), metadata=metadata, timeout=PATIENCE_S)
            taken.append((time.perf_counter() - before) * 1000)
            feed = pb.GetHomeFeedResponse.FromString(answer)
            if len(feed.items) < PAGE or not feed.items[0].HasField("ranking"):
                raise RuntimeError(f"a feed of {len(feed.items)} posts")
    return taken


async def with_full_feeds(platform: Platform, readers: Sequence[Reader]) -> list[Reader]:
    """Those readers whose feeds fill a page."""
    full = []
    async with grpc.aio.insecure_channel(address(platform)) as channel:
        call: Any = channel.unary_unary(
            f"/{METHOD}", pb.GetHomeFeedRequest.SerializeToString, pb.GetHomeFeedResponse.FromString
        )
        for reader in readers:
            metadata = (("authorization", f"Bearer {reader.token}"),)
            answer = await call(pb.GetHomeFeedRequest(page_size=PAGE), metadata=metadata, timeout=PATIENCE_S)
            if len(answer.items) == PAGE:
                full.append(reader)
    return full


def address(platform: Platform) -> str:
    """Where social listens."""
    return platform.scratch.endpoints["SOCIAL_ADDRESS"]


def gateway(platform: Platform) -> tuple[str, int]:
    """Host and port of the gateway."""
    url = urlsplit(platform.scratch.endpoints["GATEWAY_URL"])
    return url.hostname or "", url.port or 80


def tokens(readers: Sequence[Reader]) -> list[str]:
    """Their access tokens."""
    return [reader.token for reader in readers]


def requests(readers: Sequence[Reader]) -> list[http_load.HttpRequest]:
    """One prepared request of each reader."""
    body = json.dumps({"query": QUERY}).encode()
    return [
        http_load.HttpRequest.post("/graphql", body, headers={"authorization": f"Bearer {reader.token}"})
        for reader in readers
    ]
