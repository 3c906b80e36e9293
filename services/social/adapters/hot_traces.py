"""What Redis has of people who are gone and of their posts: taken out, rather than left until it expires."""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis.clock import Clock
from services.chassis.errors import AppError
from services.chassis.redis_client import RedisBreaker, RedisClient
from services.social.adapters import own_writes, post_cache, redis_inbox, redis_seen


class HotTraces:
    """Copies of posts, and the inbox, the filter of what was seen and the last writes of a person."""

    def __init__(self, redis: RedisClient, clock: Clock) -> None:
        self._redis = redis
        self._breaker = RedisBreaker(clock)

    async def forget_posts(self, post_ids: Sequence[int]) -> None:
        """Take copies of posts out; while Redis is away they expire by themselves, within the hour."""
        if post_ids:
            await self._unlink([post_cache.key_of(post_id).encode() for post_id in post_ids])

    async def forget_person(self, user_id: int) -> None:
        """Take out what is kept for a person; while Redis is away it expires by itself, within a week."""
        keys = (redis_seen.key_of(user_id), own_writes.key_of(user_id))
        await self._unlink([redis_inbox.key_of(user_id), *(key.encode() for key in keys)])

    async def _unlink(self, keys: Sequence[bytes]) -> None:
        try:
            async with self._breaker.guard():
                await self._redis.unlink(*keys)
        except AppError:
            return
