"""What comes in by bulk is what the write path would have left: rows, events, and after the projector the counts."""

from __future__ import annotations

import random

from daira.social.v1 import post_pb2
from services.chassis.ids import compose, timestamp_ms
from services.social.adapters.postgres.bulk_import import BulkImport
from services.social.adapters.projector import CONSUMER
from tests.integration.social.person import Person
from tests.integration.social.server import FAN_OUT, Social
from tests.integration.social.test_projector import assert_projections_are_right

HOUR_MS = 3_600_000
PEOPLE = 40
POSTS = 300


async def fill(social: Social, seed: int, now_ms: int) -> tuple[list[int], list[tuple[int, int, str]]]:
    """A small community over the last three days."""
    chance = random.Random(seed)
    start_ms = now_ms - 72 * HOUR_MS
    people = [compose(start_ms - HOUR_MS, n % 1024, n) for n in range(PEOPLE)]
    follows = [(a, b, start_ms - 1000) for a in people for b in people if a != b and chance.random() < 0.3]
    moments = sorted(chance.randrange(start_ms, now_ms - HOUR_MS) for _ in range(POSTS))
    authors = [chance.choice(people) for _ in moments]
    posts = [
        (compose(at, author >> 12 & 1023, n % 4096), author, f"منشور رقم {n}؟")
        for n, (at, author) in enumerate(zip(moments, authors, strict=True))
    ]
    likes = sorted(
        {(chance.choice(people), post[0], post[1]): now_ms - chance.randrange(HOUR_MS) for post in posts * 3}.items(),
        key=lambda like: like[1],
    )
    async with social.pool.acquire() as connection:
        async with connection.transaction():
            await BulkImport(connection).prepare()
        async with connection.transaction():
            bulk = BulkImport(connection)
            await bulk.add_profiles(
                [(p, f"person_{n}", f"شخص {n}", "", start_ms - HOUR_MS) for n, p in enumerate(people)]
            )
            await bulk.add_follows(follows)
            await bulk.add_posts(posts)
            await bulk.add_likes([(*like, at) for like, at in likes])
            await bulk.finish()
    return people, posts


async def test_a_loaded_community_is_projected_and_read(social: Social) -> None:
    now_ms = await social.pool.fetchval("SELECT (extract(epoch FROM now()) * 1000)::bigint")
    people, posts = await fill(social, 7, now_ms)
    events = await social.pool.fetchval("SELECT count(*) FROM events")
    rows = sum(
        [
            await social.pool.fetchval(f"SELECT count(*) FROM {table}")
            for table in ("profiles", "follows", "posts", "likes")
        ]
    )
    assert events == rows
    async with social.working():
        assert await social.settled(CONSUMER, FAN_OUT) >= events
        await assert_projections_are_right(social)
        reader = Person(social, people[0])
        followed = {
            row[0]
            for row in await social.pool.fetch("SELECT followee_id FROM follows WHERE follower_id = $1", people[0])
        }
        expected = [post[0] for post in reversed(posts) if post[1] in followed | {people[0]}]
        assert await reader.latest() == expected[:100]
    # Rows fell into the partitions of their days, with the time that their ids say.
    assert await social.pool.fetchval("SELECT count(*) FROM ONLY posts_default") == 0
    assert await social.pool.fetchval("SELECT count(*) FROM ONLY events_default") == 0
    post = await reader.reads(posts[0][0])
    assert post.created_at.ToMilliseconds() == timestamp_ms(posts[0][0])
    assert (post.kind, post.language) == (post_pb2.POST_KIND_QUESTION, "ar")


async def test_what_was_passed_on_and_seen_is_as_if_people_had_done_it(social: Social) -> None:
    now_ms = await social.pool.fetchval("SELECT (extract(epoch FROM now()) * 1000)::bigint")
    people, posts = await fill(social, 8, now_ms)
    reader, friend = people[0], people[1]
    post_id, author, _ = next(post for post in reversed(posts) if post[1] not in (reader, friend))
    repost_id = compose(now_ms - HOUR_MS // 2, friend >> 12 & 1023, 77)
    long_ago = now_ms - 20 * 24 * HOUR_MS
    async with social.pool.acquire() as connection, connection.transaction():
        bulk = BulkImport(connection)
        assert await bulk.add_reposts([(repost_id, friend, post_id, author)]) == 1
        sights = [(reader, long_ago, [(posts[0][0], posts[0][1], False)]), (reader, now_ms, [(post_id, author, True)])]
        assert await bulk.add_feedback(sights) == 2
        await bulk.finish()
    # What is too old to be kept is told all the same.
    assert await social.counts("feedback_recorded") == 2
    assert [row[0] for row in await social.pool.fetch("SELECT seen FROM impressions")] == [[post_id]]
    async with social.working():
        await social.settled(CONSUMER, FAN_OUT)
        counters = "SELECT impressions, opens, reposts FROM post_counters WHERE post_id = $1"
        assert tuple(await social.pool.fetchrow(counters, post_id) or ()) == (1, 1, 1)
        assert (await Person(social, friend).reads(post_id)).viewer_reposted
        assert (await Person(social, friend).undoes_repost(post_id)).viewer_reposted is False
        # It was seen already, so it counts no more.
        await Person(social, reader).saw(post_id, opened={post_id})
        assert await social.counts("feedback_recorded") == 2
