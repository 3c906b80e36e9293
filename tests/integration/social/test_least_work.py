"""Inboxes are built once, warm feeds build nothing, keys stay within their bounds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from daira.events.v1 import event_log_service_pb2 as log_pb
from daira.social.v1 import feed_service_pb2 as pb
from services.chassis.clock import SystemClock
from services.chassis.ids import compose, shard_of
from services.social.adapters.postgres.bulk_import import BulkImport
from services.social.adapters.postgres.feed_queries import PostgresFeedStore
from services.social.adapters.postgres.key_upkeep import KEPT, KeyUpkeep
from services.social.application.feed.ports import Following
from tests.integration.social.community import caught_up, page, scroll
from tests.integration.social.person import Person
from tests.integration.social.server import Social, until

pytestmark = pytest.mark.stores

HOUR_MS = 3_600_000
HOT = 800


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often whom a viewer follows was read, which every building of an inbox begins with."""
    count = 0
    original = PostgresFeedStore.following

    async def counted(store: PostgresFeedStore, viewer_id: int) -> Following:
        nonlocal count
        count += 1
        return await original(store, viewer_id)

    monkeypatch.setattr(PostgresFeedStore, "following", counted)
    return lambda: count


async def imports(social: Social, author: Person, bodies: list[str]) -> None:
    now_ms = int(time.time() * 1000)
    rows = [
        (compose(now_ms - HOUR_MS + n, shard_of(author.user_id), n % 4096), author.user_id, body)
        for n, body in enumerate(bodies)
    ]
    async with social.pool.acquire() as connection, connection.transaction():
        await BulkImport(connection).add_posts(rows)


async def test_an_inbox_is_built_once_however_many_ask(social: Social, builds: Callable[[], int]) -> None:
    author, reader = [await Person.signs_up(social) for _ in range(2)]
    await author.posts("بوست")
    await reader.follows(author)
    async with social.working():
        await caught_up(social)
        answers = await asyncio.gather(*(page(reader, "latest") for _ in range(30)))
        assert {len(answer.items) for answer in answers} == {1}
        assert builds() == 1
        await author.posts("واحد كمان")
        await caught_up(social)
        assert len((await page(reader, "ranked")).items) == 2
        assert builds() == 1, "a post that was pushed made the inbox build again"


@pytest.mark.parametrize("posts", [HOT - 1, HOT, HOT + 1])
async def test_a_full_inbox_is_enough_for_the_next_feeds(social: Social, builds: Callable[[], int], posts: int) -> None:
    author, reader = [await Person.signs_up(social) for _ in range(2)]
    await reader.follows(author)
    async with social.working():
        await imports(social, author, ["بوست"] * posts)
        await caught_up(social)
        for mode in ("ranked", "latest"):
            for _ in range(3):
                await page(reader, mode, size=20)
        assert builds() == 1
        # A deletion makes it too short once, not for ever.
        newest = (await page(reader, "latest", size=1)).items[0].post.post_id
        await author.deletes(newest)
        await caught_up(social)
        for _ in range(4):
            await page(reader, "ranked", size=20)
        assert builds() <= 3
        assert len((await scroll(reader, "latest", size=100)).ids) == posts - 1


async def test_old_idempotency_keys_are_forgotten_and_young_ones_kept(social: Social) -> None:
    person = await Person.signs_up(social)
    post = await person.posts("بوست", key="kept")
    await social.pool.execute(
        "INSERT INTO idempotency_keys (actor_id, method, key, body_hash, created_at)"
        " SELECT n, 'CreatePost', 'old', '', now() - $1::interval FROM generate_series(1, 2500) n",
        KEPT + timedelta(minutes=1),
    )
    assert await KeyUpkeep(social.pool, SystemClock()).forget(asyncio.Event()) == 2500
    assert await social.pool.fetchval("SELECT count(*) FROM idempotency_keys") == 1
    assert (await person.posts("بوست", key="kept")).post_id == post.post_id


async def test_a_page_of_the_log_fits_into_a_message(social: Social) -> None:
    author = await Person.signs_up(social)
    await imports(social, author, ["😀" * 1000] * 1100)
    bearer = social.service_bearer("analytics")
    async with social.working("relay"):

        async def is_stamped() -> bool:
            return bool(await social.pool.fetchval("SELECT count(*) = 1101 FROM event_positions"))

        await until(is_stamped)
    positions: list[int] = []
    while len(positions) < 1101:
        request = log_pb.ListEventsRequest(after_pos=len(positions), page_size=1000)
        answer = await social.stubs.log.ListEvents(request, metadata=bearer)
        assert answer.events
        assert answer.head_pos == 1101
        positions += [event.pos for event in answer.events]
    assert positions == list(range(1, 1102))


async def test_a_viewer_may_follow_thousands_of_fan_in_authors(social: Social) -> None:
    reader, author = [await Person.signs_up(social) for _ in range(2)]
    post = await author.posts("بوست")
    async with social.working():
        await reader.follows(author)
        await caught_up(social)
        await social.pool.execute(
            "INSERT INTO follows (follower_id, followee_id) SELECT $1, n FROM generate_series(1, 4999) n",
            reader.user_id,
        )
        await social.pool.execute(
            "INSERT INTO author_counters (user_id, followers, fan_in, merged)"
            " SELECT n, 20000, true, true FROM generate_series(1, 4999) n"
        )
        social.made.tail.memory.followed.forget_all()
        for mode in ("ranked", "latest"):
            answer = await page(reader, mode)
            assert [item.post.post_id for item in answer.items] == [post.post_id]
            assert answer.items[0].source == pb.FEED_SOURCE_INBOX
