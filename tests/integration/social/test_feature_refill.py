"""The feature table learns posts ahead of its own events, and still ends up as if it had only followed the log."""

from __future__ import annotations

import pytest

from daira.events.v1 import events_pb2
from services.chassis.metrics import Metrics
from services.chassis.stream_event import StreamEvent
from services.social.adapters.feature_feed import FeatureFeed
from services.social.adapters.feed_metrics import FeedMetrics
from services.social.adapters.native_ranker import NativeRanker
from services.social.adapters.projector import CONSUMER as PROJECTOR
from tests.integration.social.person import Person
from tests.integration.social.server import Social, until

pytestmark = pytest.mark.stores


class Table:
    """A feature table of the test's own; nothing follows the log but what the test applies."""

    def __init__(self, social: Social) -> None:
        metrics = FeedMetrics(Metrics())
        self.ranker = NativeRanker(freshness_half_life_s=43_200.0, max_posts=10_000, metrics=metrics)
        self.feed = FeatureFeed(self.ranker, social.pool)


async def liked_posts(social: Social) -> tuple[list[int], Person]:
    """Three posts with likes and a report, one like taken back; call with a relay running."""
    author, *fans = [await Person.signs_up(social) for _ in range(4)]
    posts = [(await author.posts(f"بوست {n}")).post_id for n in range(3)]
    for fan in fans:
        for post_id in posts:
            await fan.likes(post_id)
    await fans[0].unlikes(posts[0])
    await fans[1].reports(posts[1])
    return posts, author


def inbox(post_ids: list[int]) -> list[bytes]:
    return [*(b"%d" % post_id for post_id in post_ids), b"0"]


async def events(social: Social, *, without: str = "") -> list[StreamEvent]:
    """The log, or what is left of it without some kind."""
    read = await social.log.read(0, 1000)
    return [event for event in read if events_pb2.Event.FromString(event.data).WhichOneof("payload") != without]


async def filled_anew(social: Social) -> int:
    table = Table(social)
    await table.feed.fill()
    return table.ranker.checksum()


async def test_counters_that_are_ahead_of_the_table_are_not_counted_twice(social: Social) -> None:
    table = Table(social)
    await table.feed.fill()
    async with social.working("relay", "projector"):
        posts, _ = await liked_posts(social)
        await social.settled(PROJECTOR)
        await table.feed.learn(inbox(posts))
        assert table.ranker.counts_of(posts) == {posts[0]: (2, 0), posts[1]: (3, 0), posts[2]: (3, 0)}
        read = await events(social)
        for start in range(0, len(read), 3):
            await table.feed.apply(read[start : start + 3])
        assert table.ranker.counts_of(posts) == {posts[0]: (2, 0), posts[1]: (3, 0), posts[2]: (3, 0)}
        assert table.ranker.checksum() == await filled_anew(social)


async def test_counters_that_are_behind_the_table_are_brought_up_to_it(social: Social) -> None:
    table = Table(social)
    await table.feed.fill()
    async with social.working("relay"):
        posts, _ = await liked_posts(social)
        await social.pool.execute("INSERT INTO consumer_cursors VALUES ('projector', 0) ON CONFLICT DO NOTHING")

        async def is_stamped() -> bool:
            written: int = await social.pool.fetchval("SELECT count(*) FROM events")
            return len(await events(social)) == written

        await until(is_stamped)
        # The table has heard of the likes but not of the posts.
        await table.feed.apply(await events(social, without="post_created"))
        await table.feed.learn(inbox(posts))
        assert table.ranker.counts_of(posts) == {posts[0]: (2, 0), posts[1]: (3, 0), posts[2]: (3, 0)}
    async with social.working("relay", "projector"):
        await social.settled(PROJECTOR)
        assert table.ranker.checksum() == await filled_anew(social)


async def test_batches_that_come_again_change_nothing(social: Social) -> None:
    table = Table(social)
    await table.feed.fill()
    async with social.working("relay", "projector"):
        await liked_posts(social)
        await social.settled(PROJECTOR)
        read = await events(social)
        await table.feed.apply(read)
        await table.feed.apply(read)
        await table.feed.apply(read[-4:])
        assert table.ranker.checksum() == await filled_anew(social)


async def test_a_post_deleted_before_it_was_heard_of_is_not_asked_for_again(
    social: Social, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(social)
    await table.feed.fill()
    async with social.working("relay", "projector"):
        posts, author = await liked_posts(social)
        await author.deletes(posts[2])
        await social.settled(PROJECTOR)
        await table.feed.learn(inbox(posts))
        assert table.ranker.missing(inbox(posts)) == []
        assert set(table.ranker.counts_of(posts)) == set(posts[:2])
        await table.feed.apply(await events(social))
        assert table.ranker.checksum() == await filled_anew(social)
