"""Feeds while a store is away: degraded and said so, but served; and as before when it is back."""

from __future__ import annotations

import grpc
import pytest

from daira.social.v1 import feed_service_pb2 as pb
from dev.stores.postgres_server import EmbeddedPostgres
from dev.stores.redis_server import EmbeddedRedis
from services.social.migrate import migrate
from tests.integration.social.feed.reading import MODES, everything_applied, ids_of, page, recorded_state, whole
from tests.integration.social.person import Person
from tests.integration.social.server import Social, running, until
from tests.oracles import feed as oracle

pytestmark = [pytest.mark.faults]
PAGE = 6


async def small_community(social: Social) -> tuple[Person, Person]:
    """A reader, and somebody followed who has posts; call with the workers running."""
    reader, author = await Person.signs_up(social), await Person.signs_up(social)
    await reader.follows(author)
    for n in range(10):
        post = await author.posts(f"بوست {n}")
        await reader.posts(f"رد على {n}")
        await reader.likes(post.post_id)
    await everything_applied(social)
    return reader, author


async def test_without_redis_feeds_come_from_postgres(social_database: str, killable_redis: EmbeddedRedis) -> None:
    async with running(social_database, killable_redis.url) as social, social.working():
        reader, author = await small_community(social)
        killable_redis.kill()
        state = await recorded_state(social_database)
        for mode, name in MODES.items():
            ids, now_ms, degraded = await whole(reader, mode, PAGE)
            assert ids == oracle.home_feed(state, reader.user_id, now_ms, name)
            assert degraded
        post = await author.posts("من غير ريدس")

        async def is_shown() -> bool:
            return post.post_id in ids_of(await page(reader, pb.FEED_MODE_LATEST, PAGE))

        await until(is_shown)
        killable_redis.start()

        async def is_whole_again() -> bool:
            return not (await page(reader, pb.FEED_MODE_RANKED, PAGE)).degraded

        await until(is_whole_again)
        await everything_applied(social)
        state = await recorded_state(social_database)
        ids, now_ms, _ = await whole(reader, pb.FEED_MODE_RANKED, PAGE)
        assert ids == oracle.home_feed(state, reader.user_id, now_ms, "ranked")


async def test_without_postgres_hot_feeds_still_read(killable_postgres: EmbeddedPostgres, redis_url: str) -> None:
    await migrate(killable_postgres.url)
    async with running(killable_postgres.url, redis_url) as social:
        async with social.working():
            reader, _ = await small_community(social)
            before = {mode: await whole(reader, mode, 20) for mode in MODES}
        killable_postgres.kill()
        for mode in MODES:
            answer = await page(reader, mode, 20)
            # Inbox, features, texts and the reader's own likes are all at hand.
            assert set(ids_of(answer)) == set(before[mode][0])
            assert not answer.degraded
            assert any(item.post.viewer_likes for item in answer.items)
            assert all(item.post.body for item in answer.items)
        # What was remembered for a minute is asked for again then, and the page says what it lacks.
        social.made.tail.memory.followed.forget_all()
        answer = await page(reader, pb.FEED_MODE_LATEST, 20)
        assert set(ids_of(answer)) == set(before[pb.FEED_MODE_LATEST][0])
        assert list(answer.degraded_stages) == [pb.FEED_STAGE_FAN_IN]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await reader.posts("لا")
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        killable_postgres.start()

        async def is_whole_again() -> bool:
            answer = await page(reader, pb.FEED_MODE_LATEST, 20)
            return not answer.degraded and any(item.post.viewer_likes for item in answer.items)

        await until(is_whole_again)
