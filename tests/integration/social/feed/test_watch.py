"""The stream of news: how many newer posts there are, told within a second of their coming."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
import pytest

from daira.social.v1 import feed_service_pb2 as pb
from tests.integration.social.feed.reading import everything_applied
from tests.integration.social.person import Person
from tests.integration.social.server import Social, refused, running

pytestmark = pytest.mark.stores
PATIENCE_S = 10.0


@contextlib.asynccontextmanager
async def watching(person: Person, newer_than: int = 0) -> AsyncIterator[asyncio.Queue[int]]:
    """What the stream tells the person."""
    call = person.social.stubs.feeds.WatchHomeFeed(
        pb.WatchHomeFeedRequest(newer_than=newer_than), metadata=person.metadata
    )
    told: asyncio.Queue[int] = asyncio.Queue()

    async def read() -> None:
        async for news in call:
            told.put_nowait(news.newer_count)

    task = asyncio.create_task(read())
    try:
        yield told
    finally:
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError, grpc.aio.AioRpcError):
            await task


async def count_becomes(told: asyncio.Queue[int], count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await told.get() != count:
            pass


async def test_new_posts_of_others_are_told_and_own_ones_are_not(social: Social) -> None:
    reader, author = await Person.signs_up(social), await Person.signs_up(social)
    async with social.working():
        await reader.follows(author)
        async with watching(reader) as told:
            await count_becomes(told, 0)
            await reader.posts("بوست ليا أنا")
            post = await author.posts("خبر جديد")
            await count_becomes(told, 1)
            await author.posts("وكمان واحد")
            await count_becomes(told, 2)
            await author.deletes(post.post_id)
            await count_becomes(told, 1)


async def test_what_was_shown_is_not_newer(social: Social) -> None:
    reader, author = await Person.signs_up(social), await Person.signs_up(social)
    async with social.working():
        await reader.follows(author)
        shown = (await author.posts("شفته")).post_id
        await author.posts("لسه")
        await everything_applied(social)
        async with watching(reader, newer_than=shown) as told:
            await count_becomes(told, 1)


async def test_nobody_watches_without_a_token(social: Social) -> None:
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        async for _ in social.stubs.feeds.WatchHomeFeed(pb.WatchHomeFeedRequest()):
            pass


async def test_one_more_watcher_than_fits_is_sent_away(social_database: str, redis_url: str) -> None:
    async with running(social_database, redis_url, SOCIAL_WATCHERS_MAX="1") as social:
        first, second = await Person.signs_up(social), await Person.signs_up(social)
        async with watching(first) as told:
            await count_becomes(told, 0)
            with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"):
                async for _ in social.stubs.feeds.WatchHomeFeed(pb.WatchHomeFeedRequest(), metadata=second.metadata):
                    pass
