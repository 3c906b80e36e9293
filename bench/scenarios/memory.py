"""Bytes of an inbox entry in Redis and of a hot post in the feature table, its indexes included."""

from __future__ import annotations

import asyncio

from bench.community import hot_posts
from bench.results import Measurement, measured
from bench.stores import scratch_redis
from services.chassis.redis_client import create_redis

INBOX_CAP = 800
POSTS = 200_000


def run() -> list[Measurement]:
    """Redis' own MEMORY USAGE for a full inbox as a LIST and as a ZSET; the table's own count of its bytes."""
    hot = hot_posts(POSTS, 4000)
    newest = hot.post_ids[-INBOX_CAP:]
    with scratch_redis() as url:
        as_list, as_zset = asyncio.run(inbox_bytes(url, newest))
    stats = hot.table.stats()
    return [
        measured("inbox.bytes_per_entry", [as_list / INBOX_CAP], as_zset / INBOX_CAP),
        measured("inbox.zset_bytes_per_entry", [as_zset / INBOX_CAP]),
        measured("hot_post.bytes", [stats["post_bytes"] / stats["posts"]]),
    ]


async def inbox_bytes(url: str, newest: tuple[int, ...]) -> tuple[int, int]:
    """Bytes of one full inbox in either form, its key included."""
    redis = create_redis(url, timeout_s=5.0, client_name="bench")
    await redis.lpush("inbox:1", *newest)
    await redis.zadd("zset:1", {str(one): one for one in newest})
    as_list = await redis.memory_usage("inbox:1", samples=0)
    as_zset = await redis.memory_usage("zset:1", samples=0)
    await redis.aclose()
    return int(as_list or 0), int(as_zset or 0)
