"""A post pushed into 1,000 inboxes that exist and are full, as the fan-out does it, and as ZADDs in a pipeline."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

from bench.results import Measurement, measured
from bench.stores import scratch_redis
from services.chassis import ids
from services.chassis.redis_client import RedisClient, create_redis
from services.social.adapters.redis_inbox import CAP, TRIM_ABOVE, RedisInboxes

FOLLOWERS = 1000
PUSHES = 100
BASELINE_PUSHES = 25
ROUNDS = 5
FIRST_MS = ids.EPOCH_MS + 800 * 86_400_000


def run() -> list[Measurement]:
    """Median milliseconds a post, five rounds of both in turn, on a Redis of their own."""
    with scratch_redis() as url:
        ours, theirs = asyncio.run(rounds(url))
    return [
        measured("fanout.1000.p50_ms", ours, statistics.median(theirs)),
        measured("fanout.1000.zadd_ratio", [zset / inbox for inbox, zset in zip(ours, theirs, strict=True)]),
    ]


async def rounds(url: str) -> tuple[list[float], list[float]]:
    """Milliseconds of both ways, a median a round."""
    redis = create_redis(url, timeout_s=10.0, client_name="bench")
    await fill(redis)
    inboxes = RedisInboxes(redis)
    viewers = range(FOLLOWERS)
    posts = iter(range(10_000_000))

    async def push() -> None:
        await inboxes.push(post_id(next(posts)), viewers)

    async def zadd() -> None:
        one = post_id(next(posts))
        pipeline = redis.pipeline(transaction=False)
        for viewer in viewers:
            pipeline.zadd(f"zset:{viewer}", {str(one): one})
            pipeline.zremrangebyrank(f"zset:{viewer}", 0, -CAP - 1)
        await pipeline.execute()

    ours, theirs = [], []
    try:
        for _ in range(ROUNDS):
            ours.append(await median_ms(push, PUSHES))
            theirs.append(await median_ms(zadd, BASELINE_PUSHES))
        if not await redis.lindex("inbox:0", 0):
            raise ValueError("nothing arrived in the inboxes")
    finally:
        await redis.aclose()
    return ours, theirs


async def fill(redis: RedisClient) -> None:
    """Full inboxes of unequal length, so that each post finds some to trim; ZSETs at their cap."""
    room = TRIM_ABOVE - CAP
    for viewer in range(FOLLOWERS):
        newest_first = [post_id(-n) for n in range(1, CAP + viewer % room)]
        pipeline = redis.pipeline(transaction=False)
        pipeline.rpush(f"inbox:{viewer}", *newest_first)
        pipeline.zadd(f"zset:{viewer}", {str(one): one for one in newest_first[:CAP]})
        await pipeline.execute()


def post_id(number: int) -> int:
    """Ids of posts a second apart; negative numbers lie before the measurement."""
    return ids.compose(FIRST_MS + number * 1000, 1, 1)


async def median_ms(push: Callable[[], Awaitable[None]], times: int) -> float:
    """The median of some pushes."""
    taken = []
    for _ in range(times):
        before = time.perf_counter()
        await push()
        taken.append((time.perf_counter() - before) * 1000)
    return statistics.median(taken)
