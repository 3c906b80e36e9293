"""News of newer posts: at once, when it changes, for as many watchers as fit, and never a queue."""
# ruff: noqa: ARG002 - the fakes have the parameters of the ports

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.chassis.errors import AppError, unavailable
from services.social.application.feed.news import FeedNews
from services.social.application.feed.ports import Following, Sources
from tests.fakes.clock import FixedClock

VIEWER, FRIEND, STRANGER = 1, 2, 3


class World:
    """Sources, store and ranker in one."""

    def __init__(self) -> None:
        self.newer = 0
        self.counted = 0
        self.following_ids: list[int] = [FRIEND]
        self.away = False

    async def following(self, viewer_id: int) -> Following:
        if self.away:
            raise unavailable("postgres", "STORE_UNAVAILABLE")
        return Following(self.following_ids, 0)

    async def sources(self, viewer_id: int) -> Sources:
        if self.away:
            raise unavailable("redis", "REDIS_UNAVAILABLE")
        return Sources((), ())

    def count_newer(self, viewer_id: int, sources: Sources, newer_than: int, limit: int) -> int:
        self.counted += 1
        return min(self.newer, limit)


def news_of(world: Any, watchers_max: int = 10) -> FeedNews:
    return FeedNews(world, world, world, FixedClock(), watchers_max=watchers_max, pause_s=0.01)


@contextlib.asynccontextmanager
async def watched(news: FeedNews, viewer_id: int = VIEWER) -> AsyncIterator[asyncio.Queue[int]]:
    """The counts that a watcher is told."""
    told: asyncio.Queue[int] = asyncio.Queue()

    async def watch() -> None:
        async for count in news.counts(viewer_id, 5):
            told.put_nowait(count)

    task = asyncio.create_task(watch())
    try:
        yield told
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def soon(told: asyncio.Queue[int]) -> int:
    async with asyncio.timeout(2):
        return await told.get()


async def test_the_count_comes_at_once_and_when_somebody_followed_publishes() -> None:
    world = World()
    news = news_of(world)
    async with watched(news) as told:
        assert await soon(told) == 0
        world.newer = 2
        news.published(STRANGER)
        await asyncio.sleep(0.05)
        assert told.empty(), "nobody followed has published"
        news.published(FRIEND)
        assert await soon(told) == 2


async def test_many_posts_at_once_are_one_piece_of_news() -> None:
    world = World()
    news = news_of(world)
    async with watched(news) as told:
        await soon(told)
        for n in range(1000):
            world.newer = n + 1
            news.published(FRIEND)
        assert await soon(told) == 100
        await asyncio.sleep(0.05)
        assert world.counted <= 3


async def test_what_does_not_change_the_count_is_not_told() -> None:
    world = World()
    news = news_of(world)
    async with watched(news) as told:
        await soon(told)
        news.published(FRIEND)
        await asyncio.sleep(0.05)
        assert told.empty()


async def test_a_new_follow_counts_from_then_on() -> None:
    world = World()
    news = news_of(world)
    async with watched(news) as told:
        await soon(told)
        world.following_ids.append(STRANGER)
        news.relations_changed(VIEWER)
        await asyncio.sleep(0.05)
        world.newer = 1
        news.published(STRANGER)
        assert await soon(told) == 1


async def test_while_stores_are_away_what_was_told_stands() -> None:
    world = World()
    news = news_of(world)
    async with watched(news) as told:
        await soon(told)
        world.away, world.newer = True, 4
        news.published(FRIEND)
        await asyncio.sleep(0.05)
        assert told.empty()
        world.away = False
        news.published(FRIEND)
        assert await soon(told) == 4


async def test_one_more_than_fits_is_refused_and_leaving_makes_room() -> None:
    news = news_of(World(), watchers_max=1)
    async with watched(news) as told:
        await soon(told)
        with pytest.raises(AppError) as refused:
            await anext(news.counts(STRANGER, 0))
        assert refused.value.reason == "OVERLOADED"
        assert refused.value.retry_after_ms
    async with watched(news) as told:
        assert await soon(told) == 0


async def test_one_person_watches_on_a_few_devices_only() -> None:
    news = news_of(World(), watchers_max=100)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(5):
            await soon(await stack.enter_async_context(watched(news)))
        with pytest.raises(AppError):
            await anext(news.counts(VIEWER, 0))
