"""What a viewer has seen in the last week: a Bloom filter a viewer in Redis, made anew from Postgres when it is gone.

The key lives for a day, so that a filter holds what was seen in the last seven to eight days. A false positive delays
a post to the end of a feed and loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.chassis.errors import AppError
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.chassis.redis_client import RedisBreaker, RedisClient
from services.social.adapters.native_ranker import seen_bits, seen_build

LIFE_S: Final = 86_400
# Room for what a person sees in a day beside what they saw in the week; a filter twice as full is made anew, larger.
_CAPACITY_MIN: Final = 500
_SEEN: Final = """
SELECT DISTINCT unnest(seen) FROM impressions WHERE viewer_id = $1 AND seen_at > now() - interval '7 days' LIMIT 20000
"""
# Longer than a filter takes to be made.
_JUST_SEEN: Final = """
SELECT DISTINCT unnest(seen) FROM impressions WHERE viewer_id = $1 AND seen_at > now() - interval '1 minute'
"""


class RedisSeen:
    """Implements application.feed.ports.SeenPosts."""

    def __init__(self, redis: RedisClient, breaker: RedisBreaker, pool: PostgresPool) -> None:
        self._redis = redis
        self._breaker = breaker
        self._pool = pool

    async def build(self, viewer_id: int) -> bytes:
        """Make the filter from the store of record and keep it. AppError UNAVAILABLE when that is away."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_SEEN, viewer_id)
        ids = [row[0] for row in rows]
        made = seen_build(ids, max(_CAPACITY_MIN, 2 * len(ids)))
        try:
            async with self._breaker.guard():
                # Not over one that another reader made and a write has been added to meanwhile.
                is_kept = await self._redis.set(key_of(viewer_id), made, ex=LIFE_S, nx=True)
        except AppError:
            return made
        if is_kept:
            await self._add_just_seen(viewer_id, ids)
        return made

    async def _add_just_seen(self, viewer_id: int, known: Sequence[int]) -> None:
        """What was recorded after the posts were read, and before there was a filter that it could be added to."""
        try:
            async with unavailable_as_app_error():
                rows = await self._pool.fetch(_JUST_SEEN, viewer_id)
        except AppError:
            # Without it the filter must not stay.
            await self.forget(viewer_id)
            return
        unknown = {row[0] for row in rows}.difference(known)
        if unknown:
            await self.add(viewer_id, sorted(unknown))

    async def add(self, viewer_id: int, post_ids: Sequence[int]) -> None:
        """Add posts to a filter that is there; best effort, since it is made anew from what is recorded."""
        key = key_of(viewer_id)
        try:
            async with self._breaker.guard():
                size = await self._redis.strlen(key)
                if not size:
                    return
                pipeline = self._redis.pipeline(transaction=False)
                for bit in seen_bits(size, post_ids):
                    pipeline.setbit(key, bit, 1)
                await pipeline.execute()
        except AppError:
            return

    async def forget(self, viewer_id: int) -> None:
        """The next read makes the filter anew."""
        try:
            async with self._breaker.guard():
                await self._redis.unlink(key_of(viewer_id))
        except AppError:
            return


def key_of(viewer_id: int) -> str:
    """The Redis key of a viewer's filter."""
    return f"seen:{viewer_id}"
