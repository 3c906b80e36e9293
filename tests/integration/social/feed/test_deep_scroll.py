"""Feeds longer than the hot part: ranked, then the archive, without a hole or a repeat; and inboxes that were cut."""

from __future__ import annotations

import time

from daira.social.v1 import feed_service_pb2 as pb
from services.chassis.ids import compose, shard_of
from services.social.adapters.postgres.bulk_import import BulkImport
from tests.integration.social.feed.reading import MODES, everything_applied, ids_of, page, recorded_state, whole
from tests.integration.social.person import Person
from tests.integration.social.server import Social
from tests.oracles import feed as oracle

HOUR_MS = 3_600_000


async def imports_posts(social: Social, authors: list[Person], each: int) -> None:
    """Posts of the last hours, written like a bulk load writes them."""
    now_ms = int(time.time() * 1000)
    rows = []
    for n in range(each):
        for place, author in enumerate(authors):
            at_ms = now_ms - HOUR_MS + n * (HOUR_MS // each) + place
            rows.append((compose(at_ms, shard_of(author.user_id), n % 4096), author.user_id, f"بوست {n}"))
    async with social.pool.acquire() as connection, connection.transaction():
        importing = BulkImport(connection)
        await importing.add_posts(rows)


async def test_the_archive_follows_the_hot_part(social: Social, social_database: str) -> None:
    async with social.working():
        reader = await Person.signs_up(social)
        authors = [await Person.signs_up(social) for _ in range(3)]
        for author in authors:
            await reader.follows(author)
        await imports_posts(social, authors, 330)
        await everything_applied(social)
        state = await recorded_state(social_database)
        for mode, name in MODES.items():
            ids, now_ms, degraded = await whole(reader, mode, 100)
            assert len(ids) == 990
            assert ids == oracle.home_feed(state, reader.user_id, now_ms, name)
            assert not degraded


async def test_an_inbox_that_was_cut_and_lost_posts_is_made_whole(social: Social, social_database: str) -> None:
    async with social.working():
        reader = await Person.signs_up(social)
        authors = [await Person.signs_up(social) for _ in range(3)]
        for author in authors:
            await reader.follows(author)
        await imports_posts(social, authors, 300)
        await everything_applied(social)
        by_id = {author.user_id: author for author in authors}
        for item in (await page(reader, pb.FEED_MODE_LATEST, 20)).items:
            await by_id[item.post.author.user_id].deletes(item.post.post_id)
        await everything_applied(social)
        state = await recorded_state(social_database)
        ids, _, _ = await whole(reader, pb.FEED_MODE_LATEST, 100)
        assert ids == oracle.home_feed(state, reader.user_id, 0, "latest")
        answer = await page(reader, pb.FEED_MODE_RANKED, 20)
        expected = oracle.home_feed(state, reader.user_id, answer.ranked_at.ToMilliseconds(), "ranked")
        assert ids_of(answer) == expected[:20]
