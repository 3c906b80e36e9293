"""Posts for subscribers: seen whole by those with access and by nobody else, wherever posts are shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from daira.events.v1 import events_pb2
from daira.social.v1 import feed_service_pb2 as feed_pb
from daira.social.v1 import post_pb2
from daira.social.v1 import post_service_pb2 as pb
from services.chassis.stream_event import StreamEvent
from services.social.adapters.post_codec import cacheable_post, is_for_subscribers
from services.social.adapters.postgres.subscriber_access import CONSUMER, PostgresSubscriberAccess
from services.social.application.records import Post
from tests.integration.social.feed.reading import ids_of, page
from tests.integration.social.person import Person
from tests.integration.social.server import Social, refused

NOT_FOUND = grpc.StatusCode.NOT_FOUND
MODES = (feed_pb.FEED_MODE_LATEST, feed_pb.FEED_MODE_RANKED)
WORDS = "للمشتركين فقط: كواليس الحلقة"


@pytest.fixture
async def working(social: Social) -> AsyncIterator[Social]:
    async with social.working():
        yield social


class PaymentsLog:
    """Says who may see what until when, as payments' log does."""

    def __init__(self, social: Social) -> None:
        self.social = social
        self.access = PostgresSubscriberAccess(social.pool)
        self.pos = 0

    async def says(self, subscriber: Person, creator: Person, until: datetime | None) -> None:
        await self.social.pool.execute("INSERT INTO consumer_cursors VALUES ($1, 0) ON CONFLICT DO NOTHING", CONSUMER)
        self.pos += 1
        event = events_pb2.Event(pos=self.pos, aggregate_id=9, service="payments")
        event.subscription_changed.subscriber_id = subscriber.user_id
        event.subscription_changed.creator_id = creator.user_id
        if until is not None:
            event.subscription_changed.access_until.FromDatetime(until)
        await self.access.apply([StreamEvent(self.pos, event.SerializeToString())])


async def publishes(author: Person, body: str = WORDS) -> post_pb2.Post:
    request = pb.CreatePostRequest(body=body, idempotency_key=author.key(), subscribers_only=True)
    answer: pb.CreatePostResponse = await author.social.stubs.posts.CreatePost(request, metadata=author.metadata)
    return answer.post


async def timeline(reader: Person, author: Person) -> list[post_pb2.Post]:
    request = feed_pb.GetAuthorTimelineRequest(author_id=author.user_id, page_size=20)
    answer: feed_pb.GetAuthorTimelineResponse = await reader.social.stubs.feeds.GetAuthorTimeline(
        request, metadata=reader.metadata
    )
    return list(answer.posts)


async def sees(reader: Person, author: Person, post_id: int, *, whole: bool) -> None:
    """Every read there is must agree."""
    for mode in MODES:
        assert (post_id in ids_of(await page(reader, mode, 20))) == whole
    for post in (await reader.reads(post_id), *await timeline(reader, author)):
        assert (post.post_id, post.subscribers_only, post.is_locked) == (post_id, True, not whole)
        assert post.body == (WORDS if whole else "")
        assert post.author.user_id == author.user_id
    if not whole:
        for call in (reader.likes, reader.unlikes, reader.reports):
            with refused(NOT_FOUND, "POST_NOT_FOUND"):
                await call(post_id)


async def test_only_access_shows_what_is_in_it(working: Social) -> None:
    author, reader = await Person.signs_up(working), await Person.signs_up(working)
    log, now = PaymentsLog(working), datetime.now(UTC)
    await reader.follows(author)
    post = await publishes(author)
    assert (post.body, post.subscribers_only, post.is_locked) == (WORDS, True, False)
    await sees(author, author, post.post_id, whole=True)
    await sees(reader, author, post.post_id, whole=False)
    await log.says(reader, author, now + timedelta(hours=1))
    await sees(reader, author, post.post_id, whole=True)
    await reader.likes(post.post_id)
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "REPOST_NOT_ALLOWED"):
        await reader.reposts(post.post_id)
    await log.says(author, reader, now + timedelta(hours=1))
    await log.says(reader, author, now - timedelta(seconds=1))
    await sees(reader, author, post.post_id, whole=False)
    stranger = await Person.signs_up(working)
    await log.says(stranger, author, None)
    assert await working.pool.fetchval("SELECT count(*) FROM subscriber_access") == 2
    await sees(stranger, author, post.post_id, whole=False)


async def test_no_log_has_the_words(working: Social) -> None:
    author = await Person.signs_up(working)
    post = await publishes(author)
    payload = await working.pool.fetchval(
        "SELECT payload FROM events WHERE kind = 'post_created' AND aggregate_id = $1", post.post_id
    )
    told = events_pb2.PostCreated.FromString(payload)
    assert (told.body, told.subscribers_only) == ("", True)


def test_the_end_of_a_cached_post_tells_whom_it_is_for() -> None:
    for milliseconds in (0, 1, 56, 312, 0x38 << 7 | 1, 1_099_511_627_775):
        for body in ("نص", "8"):
            post = Post(milliseconds << 22 | 1, 5, "h", "n", datetime(2026, 1, 1, tzinfo=UTC), body, "ar", 1)
            for_some = replace(post, subscribers_only=True)
            assert not is_for_subscribers(cacheable_post(post).SerializeToString())
            assert is_for_subscribers(cacheable_post(for_some).SerializeToString())
