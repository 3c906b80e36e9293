"""Posts as bytes: the cached part from Redis, counts and the viewer's likes appended, as protobuf merges on parse."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from services.chassis.errors import AppError
from services.chassis.ids import MAX_ID
from services.chassis.redis_client import RedisBreaker, RedisClient
from services.social.adapters.native_ranker import NativeRanker
from services.social.adapters.post_codec import cacheable_post, view_of_post
from services.social.adapters.postgres.post_views import PostgresPostViews
from services.social.adapters.postgres.posts import PostgresPosts

LIFE_S: Final = 3600
_POSTS_OF_AUTHOR: Final = 1000


class PostHydrator:
    """Implements application.feed.ports.Hydrator and application.ports.PostCache."""

    def __init__(
        self,
        redis: RedisClient,
        breaker: RedisBreaker,
        posts: PostgresPosts,
        views: PostgresPostViews,
        ranker: NativeRanker,
    ) -> None:
        self._redis = redis
        self._breaker = breaker
        self._posts = posts
        self._views = views
        self._ranker = ranker

    async def hydrate(self, post_ids: Sequence[int], viewer_id: int) -> tuple[Mapping[int, bytes], bool]:
        """Those that still exist, and whether a store was away.

        Without Postgres nothing is marked as liked by the viewer, and what is not cached is left out. AppError
        UNAVAILABLE when that leaves nothing.
        """
        if not post_ids:
            return {}, False
        cached, liked = await asyncio.gather(self._cached(post_ids), self._liked(post_ids, viewer_id))
        degraded = cached is None or liked is None
        posts = cached or {}
        likes = self._ranker.likes_of(post_ids)
        if len(likes) < len(post_ids):
            for post_id in self._ranker.deleted(post_ids):
                posts.pop(post_id, None)
        missing = [post_id for post_id in post_ids if post_id not in posts]
        if missing:
            try:
                posts |= await self._fill(missing)
            except AppError:
                if not posts:
                    raise
                degraded = True
        likes_away = await self._count_old(likes, posts)
        views = {post_id: view_of_post(likes.get(post_id, 0), post_id in (liked or ())) for post_id in posts}
        return {post_id: posts[post_id] + views[post_id] for post_id in posts}, degraded or likes_away

    async def forget(self, post_id: int) -> None:
        """Drop a post from the cache; when Redis is away it expires there by itself."""
        await self._forget([post_id])

    async def forget_author(self, author_id: int) -> None:
        """Drop an author's hot posts from the cache: their profile changed."""
        await self._forget(self._ranker.author_posts(author_id, MAX_ID, _POSTS_OF_AUTHOR))

    async def _forget(self, post_ids: Sequence[int]) -> None:
        if not post_ids:
            return
        try:
            async with self._breaker.guard():
                pipeline = self._redis.pipeline(transaction=False)
                for post_id in post_ids:
                    pipeline.unlink(_key(post_id))
                await pipeline.execute()
        except AppError:
            return

    async def _cached(self, post_ids: Sequence[int]) -> dict[int, bytes] | None:
        try:
            async with self._breaker.guard():
                values = await self._redis.mget([_key(post_id) for post_id in post_ids])
        except AppError:
            return None
        return {post_id: value for post_id, value in zip(post_ids, values, strict=True) if isinstance(value, bytes)}

    async def _liked(self, post_ids: Sequence[int], viewer_id: int) -> set[int] | None:
        if not viewer_id:
            return set()
        try:
            return await self._views.liked(post_ids, viewer_id)
        except AppError:
            return None

    async def _count_old(self, likes: dict[int, int], posts: Mapping[int, bytes]) -> bool:
        """Likes of posts that are older than the feature table; whether they could not be read."""
        unknown = [post_id for post_id in posts if post_id not in likes]
        if not unknown:
            return False
        try:
            likes.update(await self._views.likes(unknown))
        except AppError:
            return True
        return False

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
