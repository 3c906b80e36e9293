"""Posts as bytes: the cached part from Redis, counts and the viewer's likes appended, as protobuf merges on parse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from daira.social.v1 import post_pb2
from services.chassis.errors import AppError
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.chassis.redis_client import RedisBreaker, RedisClient
from services.social.adapters.post_codec import cacheable_post
from services.social.adapters.postgres.posts import PostgresPosts

LIFE_S: Final = 3600
_VIEW: Final = """
SELECT p.id, coalesce(c.likes, 0), EXISTS (SELECT 1 FROM likes l WHERE l.user_id = $2 AND l.post_id = p.id)
FROM posts p LEFT JOIN post_counters c ON c.post_id = p.id
WHERE p.id = ANY($1) AND p.deleted_at IS NULL
"""


class PostHydrator:
    """Implements application.feed.ports.Hydrator and application.ports.PostCache."""

    def __init__(self, redis: RedisClient, breaker: RedisBreaker, pool: PostgresPool) -> None:
        self._redis = redis
        self._breaker = breaker
        self._pool = pool
        self._posts = PostgresPosts(pool)

    async def hydrate(self, post_ids: Sequence[int], viewer_id: int) -> tuple[dict[int, bytes], bool]:
        """Those that still exist, and whether a store was away. AppError UNAVAILABLE when both are."""
        if not post_ids:
            return {}, False
        cached, degraded = await self._cached(post_ids)
        try:
            views = await self._views(post_ids, viewer_id)
        except AppError:
            # The store of record is away: what Redis has, without counts and the viewer's likes.
            if not cached:
                raise
            return cached, True
        missing = [post_id for post_id in views if post_id not in cached]
        if missing:
            cached |= await self._fill(missing)
        return {post_id: cached[post_id] + views[post_id] for post_id in views if post_id in cached}, degraded

    async def forget(self, post_id: int) -> None:
        """Drop a post from the cache; when Redis is away it expires there by itself."""
        try:
            async with self._breaker.guard():
                await self._redis.unlink(_key(post_id))
        except AppError:
            return

    async def _cached(self, post_ids: Sequence[int]) -> tuple[dict[int, bytes], bool]:
        try:
            async with self._breaker.guard():
                values = await self._redis.mget([_key(post_id) for post_id in post_ids])
        except AppError:
            return {}, True
        return {
            post_id: value for post_id, value in zip(post_ids, values, strict=True) if isinstance(value, bytes)
        }, False

    async def _views(self, post_ids: Sequence[int], viewer_id: int) -> dict[int, bytes]:
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_VIEW, list(post_ids), viewer_id)
        return {row[0]: post_pb2.Post(likes_count=row[1], viewer_likes=row[2]).SerializeToString() for row in rows}

    async def _fill(self, post_ids: Sequence[int]) -> dict[int, bytes]:
        read = await self._posts.read(post_ids, 0)
        filled = {post.post_id: cacheable_post(post).SerializeToString() for post in read}
        try:
            async with self._breaker.guard():
                pipeline = self._redis.pipeline(transaction=False)
                for post_id, value in filled.items():
                    pipeline.set(_key(post_id), value, ex=LIFE_S)
                await pipeline.execute()
        except AppError:
            pass
        return filled


def _key(post_id: int) -> str:
    return f"post:{post_id}"
