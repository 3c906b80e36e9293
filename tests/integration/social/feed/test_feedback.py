"""Feedback: what was seen and opened counts once, moves counters and affinity, and is shown after everything unseen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import pytest

from daira.events.v1 import events_pb2
from daira.social.v1 import feed_service_pb2 as pb
from dev.stores.redis_server import EmbeddedRedis
from services.chassis.clock import SystemClock
from services.chassis.postgres import PostgresPool
from services.chassis.redis_client import RedisBreaker
from services.social.adapters.redis_seen import RedisSeen
from tests.integration.social.feed.reading import everything_applied, ids_of, page, recorded_state
from tests.integration.social.person import Person
from tests.integration.social.server import Social, refused, running, until
from tests.oracles import feed as oracle

pytestmark = pytest.mark.stores
INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
async def working(social: Social) -> AsyncIterator[Social]:
    """The service with its workers."""
    async with social.working():
        yield social


async def reader_and_author(social: Social) -> tuple[Person, Person]:
    reader, author = await Person.signs_up(social), await Person.signs_up(social)
    await reader.follows(author)
    return reader, author


async def counters(social: Social, post_id: int) -> tuple[int, int]:
    """Impressions and openings as projected, and the same as the feature table has them."""
    await everything_applied(social)
    row = await social.pool.fetchrow("SELECT impressions, opens FROM post_counters WHERE post_id = $1", post_id)
    return tuple(row) if row is not None else (0, 0)


async def recorded(social: Social) -> list[tuple[int, bool, bool]]:
    rows = await social.pool.fetch("SELECT payload FROM events WHERE kind = 'feedback_recorded' ORDER BY seq")
    posts = [post for row in rows for post in events_pb2.FeedbackRecorded.FromString(row[0]).posts]
    return [(post.post_id, post.seen, post.opened) for post in posts]


async def test_it_moves_counters_and_affinity(working: Social) -> None:
    reader, author = await reader_and_author(working)
    seen, opened = await author.posts("صباح الخير"), await author.posts("حد جرب الكشري ده؟")
    await reader.saw(seen.post_id, opened.post_id, opened={opened.post_id})
    assert await counters(working, seen.post_id) == (1, 0)
    assert await counters(working, opened.post_id) == (1, 1)
    weight = "SELECT weight FROM affinities WHERE viewer_id = $1 AND author_id = $2"
    assert await working.pool.fetchval(weight, reader.user_id, author.user_id) == pytest.approx(0.25)
    items = (await page(reader, pb.FEED_MODE_RANKED, 10)).items
    assert items[0].ranking.affinity == pytest.approx(0.25 / 3.25, abs=1e-4)


async def test_what_was_seen_comes_after_everything_else(working: Social, social_database: str) -> None:
    reader, author = await reader_and_author(working)
    posts = [(await author.posts(f"بوست {n}")).post_id for n in range(6)]
    await everything_applied(working)
    before = ids_of(await page(reader, pb.FEED_MODE_RANKED, 10))
    assert before[0] == posts[-1]
    await reader.saw(*before[:2])
    answer = await page(reader, pb.FEED_MODE_RANKED, 10)
    assert set(ids_of(answer)[-2:]) == set(before[:2])
    assert [item.seen_before for item in answer.items] == [False] * 4 + [True] * 2
    # As the reference says, which knows every post that was seen, and on both pages of a scroll.
    await everything_applied(working)
    state = await recorded_state(social_database)
    first = await page(reader, pb.FEED_MODE_RANKED, 3)
    second = await page(reader, pb.FEED_MODE_RANKED, 3, first.next_page_token)
    now_ms = first.ranked_at.ToMilliseconds()
    seen = before[:2]
    assert ids_of(first) + ids_of(second) == oracle.home_feed(state, reader.user_id, now_ms, "ranked", seen=seen)


async def test_the_filter_is_made_anew_from_what_is_recorded(working: Social) -> None:
    reader, author = await reader_and_author(working)
    posts = [(await author.posts(f"بوست {n}")).post_id for n in range(4)]
    await everything_applied(working)
    await reader.saw(posts[-1], opened={posts[-1]})
    await working.redis.flushall()
    answer = await page(reader, pb.FEED_MODE_RANKED, 10)
    assert {item.post.post_id: item.seen_before for item in answer.items} == {
        post_id: post_id == posts[-1] for post_id in posts
    }


async def test_each_post_counts_once(working: Social) -> None:
    reader, author = await reader_and_author(working)
    post_id = (await author.posts("خبر عاجل")).post_id
    await reader.saw(post_id, post_id)
    await reader.saw(post_id)
    await reader.saw(post_id, post_id, opened={post_id})
    await reader.saw(post_id, opened={post_id})
    assert await counters(working, post_id) == (1, 1)
    assert await recorded(working) == [(post_id, True, False), (post_id, False, True)]


async def test_a_repeat_counts_once_and_a_key_belongs_to_its_batch(working: Social) -> None:
    reader, author = await reader_and_author(working)
    first, second = await author.posts("واحد"), await author.posts("اتنين")
    for _ in range(3):
        await reader.saw(first.post_id, key="batch-1")
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED"):
        await reader.saw(second.post_id, key="batch-1")
    assert await recorded(working) == [(first.post_id, True, False)]
    assert await counters(working, second.post_id) == (0, 0)


async def test_racing_batches_count_once(working: Social) -> None:
    reader, author = await reader_and_author(working)
    posts = [(await author.posts(f"بوست {n}")).post_id for n in range(5)]
    await asyncio.gather(*(reader.saw(*posts, opened=posts[:2]) for _ in range(8)))
    await asyncio.gather(*(reader.saw(*posts, key="same") for _ in range(8)))
    for post_id in posts:
        assert await counters(working, post_id) == (1, int(post_id in posts[:2]))


async def test_a_week_later_it_counts_again(working: Social) -> None:
    reader, author = await reader_and_author(working)
    post_id = (await author.posts("ذكريات")).post_id
    await reader.saw(post_id)
    await working.pool.execute("UPDATE impressions SET seen_at = seen_at - interval '6 days 23 hours'")
    await reader.saw(post_id)
    assert await counters(working, post_id) == (1, 0)
    await working.pool.execute("UPDATE impressions SET seen_at = seen_at - interval '2 hours'")
    await reader.saw(post_id)
    assert await counters(working, post_id) == (2, 0)


async def test_own_unknown_and_deleted_posts_are_passed_over(working: Social) -> None:
    reader, author = await reader_and_author(working)
    own, gone, there = await reader.posts("بتاعي"), await author.posts("راح"), await author.posts("موجود")
    await author.deletes(gone.post_id)
    await reader.saw(own.post_id, gone.post_id, 12345, there.post_id, opened={own.post_id, gone.post_id})
    assert await recorded(working) == [(there.post_id, True, False)]
    await reader.saw(own.post_id, gone.post_id)
    assert await working.counts("feedback_recorded") == 1


async def test_what_is_seen_while_the_filter_is_made_is_in_it(working: Social) -> None:
    reader, author = await reader_and_author(working)
    posts = [(await author.posts(f"بوست {n}")).post_id for n in range(3)]
    await everything_applied(working)

    class SlowPool:
        """Somebody sees a post between the filter's reading of the store and its being kept."""

        reads = 0

        async def fetch(self, *arguments: Any) -> Any:
            rows = await working.pool.fetch(*arguments)
            self.reads += 1
            if self.reads == 1:
                await reader.saw(posts[0])
            return rows

    seen = RedisSeen(working.redis, RedisBreaker(SystemClock()), cast("PostgresPool", SlowPool()))
    await seen.build(reader.user_id)
    items = (await page(reader, pb.FEED_MODE_RANKED, 10)).items
    assert [item.post.post_id for item in items if item.seen_before] == [posts[0]]


@pytest.mark.faults
async def test_without_redis_it_is_recorded_all_the_same(social_database: str, killable_redis: EmbeddedRedis) -> None:
    async with running(social_database, killable_redis.url) as social, social.working():
        reader, author = await reader_and_author(social)
        post_id = (await author.posts("من غير ريديس")).post_id
        assert not (await page(reader, pb.FEED_MODE_RANKED, 10)).items[0].seen_before
        killable_redis.kill()
        await reader.saw(post_id)
        assert await recorded(social) == [(post_id, True, False)]
        killable_redis.start()

        async def is_known() -> bool:
            answer = await page(reader, pb.FEED_MODE_RANKED, 10)
            return [item.seen_before for item in answer.items] == [True]

        await until(is_known)


async def test_bad_batches_are_refused(social: Social) -> None:
    reader = await Person.signs_up(social)
    for items, field in (
        ([], "items"),
        (range(1, 102), "items"),
        ([5, 0], "items[1].post_id"),
        ([-1], "items[0].post_id"),
    ):
        with refused(INVALID, "FIELD_INVALID", field):
            await reader.saw(*items)
    with refused(INVALID, "FIELD_INVALID", "idempotency_key"):
        await reader.saw(5, key="")
    assert await social.counts("feedback_recorded") == 0
