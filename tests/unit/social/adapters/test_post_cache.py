"""However many readers ask, a post is fetched once; what changes meanwhile is not kept; memory is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from services.chassis.errors import AppError, unavailable
from services.chassis.redis_client import RedisBreaker
from services.social.adapters.post_cache import PostCache
from services.social.application.records import Post
from tests.fakes.clock import FixedClock

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


class FakeRedis:
    """What the cache asks of Redis."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.reads = 0

    async def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        self.reads += 1
        await asyncio.sleep(0)
        return [self.values.get(key) for key in keys]

    def pipeline(self, *, transaction: bool) -> FakeRedis:
        assert not transaction
        return self

    def set(self, key: str, value: bytes, ex: int) -> None:
        assert ex > 0
        self.values[key] = value

    def unlink(self, key: str) -> None:
        self.values.pop(key, None)

    async def execute(self) -> None:
        await asyncio.sleep(0)


class FakePosts:
    """The store of record; `gate` holds reads back."""

    def __init__(self, *post_ids: int) -> None:
        self.posts = {post_id: Post(post_id, 1, "sara", "سارة", SINCE, "نص", "ar", 1) for post_id in post_ids}
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.away = False

    async def read_for_anybody(self, post_ids: Sequence[int]) -> list[Post]:
        self.reads += 1
        found = [self.posts[post_id] for post_id in post_ids if post_id in self.posts]
        await self.gate.wait()
        if self.away:
            raise unavailable("postgres", "STORE_UNAVAILABLE")
        return found


def cache_of(posts: FakePosts, redis: Any = None, max_bytes: int = 1 << 20) -> PostCache:
    clock = FixedClock()
    posts_port: Any = posts
    redis_port: Any = redis or FakeRedis()
    return PostCache(redis_port, RedisBreaker(clock), posts_port, clock, max_bytes=max_bytes)


async def test_ten_thousand_readers_at_once_cost_one_fetch() -> None:
    posts, redis = FakePosts(1, 2), FakeRedis()
    cache = cache_of(posts, redis)
    posts.gate.clear()
    readers = [asyncio.create_task(cache.get([1, 2])) for _ in range(10_000)]
    await asyncio.sleep(0.01)
    posts.gate.set()
    answers = await asyncio.gather(*readers)
    assert all(set(found) == {1, 2} and not away for found, away in answers)
    assert (posts.reads, redis.reads) == (1, 1)


async def test_a_reader_that_goes_away_does_not_end_the_fetch_of_the_others() -> None:
    posts = FakePosts(1)
    cache = cache_of(posts)
    posts.gate.clear()
    first, second = asyncio.create_task(cache.get([1])), asyncio.create_task(cache.get([1]))
    await asyncio.sleep(0.01)
    first.cancel()
    posts.gate.set()
    found, _ = await second
    assert set(found) == {1}
    assert posts.reads == 1


async def test_what_changes_while_it_is_fetched_is_not_kept() -> None:
    posts, redis = FakePosts(1), FakeRedis()
    cache = cache_of(posts, redis)
    posts.gate.clear()
    reading = asyncio.create_task(cache.get([1]))
    await asyncio.sleep(0.01)
    posts.posts[1] = Post(1, 1, "sara", "سارة الجديدة", SINCE, "نص", "ar", 1)
    cache.drop([1])
    posts.gate.set()
    await reading
    redis.values.clear()
    found, _ = await cache.get([1])
    assert "سارة الجديدة".encode() in found[1]


async def test_unknown_posts_are_left_out() -> None:
    assert await cache_of(FakePosts(1)).get([1, 2]) == ({1: (await cache_of(FakePosts(1)).get([1]))[0][1]}, False)


async def test_without_the_store_what_is_cached_is_there() -> None:
    posts = FakePosts(1, 2)
    cache = cache_of(posts)
    await cache.get([1])
    posts.away = True
    found, away = await cache.get([1, 2])
    assert (set(found), away) == ({1}, True)
    with pytest.raises(AppError):
        await cache.get([2])
    posts.away = False
    assert set((await cache.get([2]))[0]) == {2}


async def test_memory_is_bounded() -> None:
    posts = FakePosts(*range(1, 500))
    cache = cache_of(posts, max_bytes=20_000)
    for post_id in range(1, 500):
        await cache.get([post_id])
    assert 10_000 < cache.size_bytes <= 20_000
