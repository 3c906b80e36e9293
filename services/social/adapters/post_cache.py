"""Serialised posts in this process: a bounded cache before Redis and Postgres; each post is fetched once at a time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from services.chassis.clock import Clock
from services.chassis.errors import AppError
from services.chassis.redis_client import RedisBreaker, RedisClient
from services.social.adapters.post_codec import cacheable_post
from services.social.adapters.postgres.posts import PostgresPosts

# In Redis, for replicas that have not had the post yet.
SHARED_LIFE_S: Final = 3600
# Here; the event log forgets sooner. It bounds how long a name can be old when Redis had it old.
_LIFE_S: Final = 600.0
# What a post costs here beside its bytes: dictionary entry, tuple, numbers.
_OVERHEAD_BYTES: Final = 200


class PostCache:
    """The part of a post that is the same for every viewer, as bytes of daira.social.v1.Post.

    However many readers ask for a post at once, it is fetched once: what one has begun to fetch, the others wait for.
    """

    def __init__(
        self, redis: RedisClient, breaker: RedisBreaker, posts: PostgresPosts, clock: Clock, *, max_bytes: int
    ) -> None:
        self._redis = redis
        self._breaker = breaker
        self._posts = posts
        self._clock = clock
        self._max_bytes = max_bytes
        self._kept: OrderedDict[int, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0
        self._fetching: dict[int, asyncio.Future[bytes | None]] = {}
        self._forgotten = 0

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        return self._bytes

    async def get(self, post_ids: Sequence[int]) -> tuple[dict[int, bytes], bool]:
        """Those that exist, and whether a store was away. AppError UNAVAILABLE when that leaves none."""
        now = self._clock.monotonic()
        found: dict[int, bytes] = {}
        waiting: dict[int, asyncio.Future[bytes | None]] = {}
        missing: list[int] = []
        for post_id in post_ids:
            kept = self._kept.get(post_id)
            if kept is not None and now < kept[0]:
                self._kept.move_to_end(post_id)
                found[post_id] = kept[1]
            elif post_id in self._fetching:
                waiting[post_id] = self._fetching[post_id]
            else:
                missing.append(post_id)
        if missing:
            waiting |= self._begin(missing)
        away: AppError | None = None
        for post_id, fetched in waiting.items():
            try:
                value = await asyncio.shield(fetched)
            except AppError as error:
                away = error
            else:
                if value is not None:
                    found[post_id] = value
        if away is not None and not found:
            raise away
        return found, away is not None

    def drop(self, post_ids: Iterable[int]) -> None:
        """Forget posts here. What is being fetched now is not kept either: it may have been read before the change."""
        self._forgotten += 1
        for post_id in post_ids:
            self._drop(post_id)
            self._fetching.pop(post_id, None)

    async def forget(self, post_ids: Sequence[int]) -> None:
        """Forget posts here and in Redis; when Redis is away they expire there by themselves."""
        self.drop(post_ids)
        if not post_ids:
            return
        try:
            async with self._breaker.guard():
                pipeline = self._redis.pipeline(transaction=False)
                for post_id in post_ids:
                    pipeline.unlink(key_of(post_id))
                await pipeline.execute()
        except AppError:
            return

    def _begin(self, post_ids: list[int]) -> dict[int, asyncio.Future[bytes | None]]:
        loop = asyncio.get_running_loop()
        futures: dict[int, asyncio.Future[bytes | None]] = {post_id: loop.create_future() for post_id in post_ids}
        self._fetching |= futures
        # A task of its own: one reader going away must not end the fetch that others wait for.
        fetch = asyncio.create_task(self._fetch(futures, self._forgotten))
        fetch.add_done_callback(lambda _: self._end(futures))
        return futures

    async def _fetch(self, futures: dict[int, asyncio.Future[bytes | None]], forgotten: int) -> None:
        try:
            found = await self._shared(list(futures))
            unknown = [post_id for post_id in futures if post_id not in found]
            if unknown:
                found |= await self._recorded(unknown)
        except Exception as error:
            for future in futures.values():
                future.set_exception(error)
                # Whoever waits has it; nobody may any more.
                future.exception()
            if isinstance(error, AppError):
                return
            raise
        for post_id, future in futures.items():
            value = found.get(post_id)
            future.set_result(value)
            if value is not None and forgotten == self._forgotten:
                self._keep(post_id, value)

    def _end(self, futures: dict[int, asyncio.Future[bytes | None]]) -> None:
        for post_id, future in futures.items():
            if self._fetching.get(post_id) is future:
                del self._fetching[post_id]

    async def _shared(self, post_ids: list[int]) -> dict[int, bytes]:
        try:
            async with self._breaker.guard():
                values = await self._redis.mget([key_of(post_id) for post_id in post_ids])
        except AppError:
            return {}
        return {post_id: value for post_id, value in zip(post_ids, values, strict=True) if isinstance(value, bytes)}

    async def _recorded(self, post_ids: list[int]) -> dict[int, bytes]:
        read = await self._posts.read_for_anybody(post_ids)
        filled = {post.post_id: cacheable_post(post).SerializeToString() for post in read}
        if filled:
            try:
                async with self._breaker.guard():
                    pipeline = self._redis.pipeline(transaction=False)
                    for post_id, value in filled.items():
                        pipeline.set(key_of(post_id), value, ex=SHARED_LIFE_S)
                    await pipeline.execute()
            except AppError:
                return filled
        return filled

    def _keep(self, post_id: int, value: bytes) -> None:
        self._drop(post_id)
        self._kept[post_id] = self._clock.monotonic() + _LIFE_S, value
        self._bytes += len(value) + _OVERHEAD_BYTES
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, post_id: int) -> None:
        gone = self._kept.pop(post_id, None)
        if gone is not None:
            self._bytes -= len(gone[1]) + _OVERHEAD_BYTES


def key_of(post_id: int) -> str:
    """The key in Redis of a post's copy."""
    return f"post:{post_id}"
