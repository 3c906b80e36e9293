"""Private accounts: following asks, the person answers, and nobody else sees a post; going public lets everybody in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from daira.social.v1 import feed_service_pb2 as feed_pb
from daira.social.v1 import graph_service_pb2 as pb
from tests.integration.social.feed.reading import everything_applied, ids_of, page
from tests.integration.social.person import Person
from tests.integration.social.server import Signer, Social, refused, running

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
DENIED = grpc.StatusCode.PERMISSION_DENIED
MODES = (feed_pb.FEED_MODE_LATEST, feed_pb.FEED_MODE_RANKED)


@pytest.fixture
async def working(social: Social) -> AsyncIterator[Social]:
    async with social.working():
        yield social


async def private_person(social: Social) -> Person:
    person = await Person.signs_up(social)
    assert (await person.goes(private=True)).is_private
    return person


async def sees(reader: Person, author: Person, post_id: int, *, in_feed: bool, elsewhere: bool) -> None:
    """Every read there is must agree."""
    for mode in MODES:
        assert (post_id in ids_of(await page(reader, mode, 20))) == in_feed
    if elsewhere:
        assert (await reader.reads(post_id)).post_id == post_id
        assert post_id in await reader.timeline_of(author)
        return
    for call in (reader.reads, reader.likes, reader.unlikes, reader.reports):
        with refused(NOT_FOUND, "POST_NOT_FOUND"):
            await call(post_id)
    with refused(DENIED, "PROFILE_PRIVATE"):
        await reader.timeline_of(author)


async def asking(social: Social, person: Person) -> list[int]:
    found: list[int] = []
    token = ""
    while True:
        request = pb.ListFollowRequestsRequest(page_size=2, page_token=token)
        answer = await social.stubs.graph.ListFollowRequests(request, metadata=person.metadata)
        found += [profile.user_id for profile in answer.profiles]
        token = answer.next_page_token
        if not token:
            return found


async def test_a_request_is_answered_and_then_the_posts_are_there(working: Social) -> None:
    author, reader = await private_person(working), await Person.signs_up(working)
    post = await author.posts("للأصحاب بس")
    await everything_applied(working)
    asked = await reader.follows(author)
    assert (asked.viewer_follows, asked.viewer_requested, asked.is_private) == (False, True, True)
    await sees(reader, author, post.post_id, in_feed=False, elsewhere=False)
    await sees(author, author, post.post_id, in_feed=True, elsewhere=True)
    assert await asking(working, author) == [reader.user_id]
    assert (await author.answers(reader, accept=True)).user_id == reader.user_id
    followed = await reader.profile_of(author.user_id)
    assert (followed.viewer_follows, followed.viewer_requested) == (True, False)
    assert await asking(working, author) == []
    for _ in range(2):
        await sees(reader, author, post.post_id, in_feed=True, elsewhere=True)
        await everything_applied(working)
    await author.sends_away(reader)
    for _ in range(2):
        await sees(reader, author, post.post_id, in_feed=False, elsewhere=False)
        await everything_applied(working)
    counts = [await working.counts(kind) for kind in ("follow_requested", "user_followed", "user_unfollowed")]
    assert counts == [1, 1, 1]


async def test_a_request_declined_or_taken_back_is_no_follow(social: Social) -> None:
    author, reader, other = await private_person(social), await Person.signs_up(social), await Person.signs_up(social)
    await asyncio.gather(*(reader.follows(author) for _ in range(5)))
    assert await social.counts("follow_requested") == 1
    await other.follows(author)
    assert await asking(social, author) == [other.user_id, reader.user_id]
    assert not (await author.answers(reader, accept=False)).viewer_follows
    assert not (await other.unfollows(author)).viewer_requested
    assert await asking(social, author) == []
    with refused(NOT_FOUND, "FOLLOW_REQUEST_NOT_FOUND"):
        await author.answers(other, accept=True)
    assert await social.pool.fetchval("SELECT count(*) FROM follows") == 0
    ends = await social.pool.fetch(
        "SELECT aggregate_id, actor_id, payload FROM events WHERE kind = 'follow_request_ended' ORDER BY seq"
    )
    assert [tuple(end) for end in ends] == [
        (author.user_id, reader.user_id, b"\x08\x01"),
        (author.user_id, other.user_id, b""),
    ]
    # Who was declined may ask again.
    assert (await reader.follows(author)).viewer_requested


async def test_an_answer_repeated_with_its_key_is_the_same_answer(social: Social) -> None:
    author, reader = await private_person(social), await Person.signs_up(social)
    await reader.follows(author)
    await asyncio.gather(*(author.answers(reader, accept=True, key="k") for _ in range(5)))
    assert await social.counts("user_followed") == 1
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED"):
        await author.answers(reader, accept=False, key="k")
    with refused(NOT_FOUND, "FOLLOW_REQUEST_NOT_FOUND"):
        await author.answers(reader, accept=True, key="later")
    # A refusal does not use the key up.
    await author.sends_away(reader)
    await reader.follows(author)
    await author.answers(reader, accept=True, key="later")
    assert await social.counts("user_followed") == 2


async def test_going_private_keeps_followers_and_shuts_others_out(working: Social) -> None:
    author, fan, stranger = [await Person.signs_up(working) for _ in range(3)]
    await fan.follows(author)
    post = await author.posts("قبل ما أقفل")
    await everything_applied(working)
    await sees(fan, author, post.post_id, in_feed=True, elsewhere=True)
    await sees(stranger, author, post.post_id, in_feed=False, elsewhere=True)
    await author.goes(private=True)
    for _ in range(2):
        await sees(fan, author, post.post_id, in_feed=True, elsewhere=True)
        await sees(stranger, author, post.post_id, in_feed=False, elsewhere=False)
        await everything_applied(working)
    request = feed_pb.GetAuthorTimelineRequest(author_id=author.user_id)
    with refused(DENIED, "PROFILE_PRIVATE"):
        await working.stubs.feeds.GetAuthorTimeline(request)
    await fan.unfollows(author)
    await sees(fan, author, post.post_id, in_feed=False, elsewhere=False)
    assert (await fan.follows(author)).viewer_requested


async def test_going_public_lets_everybody_in_who_asked(working: Social, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.social.adapters.postgres.profiles._ACCEPTED_AT_ONCE", 2)
    author = await private_person(working)
    readers = [await Person.signs_up(working) for _ in range(5)]
    post = await author.posts("مفتوح للجميع")
    for reader in readers:
        await reader.follows(author)
    assert await working.counts("user_followed") == 0
    assert not (await author.goes(private=False)).is_private
    assert await asking(working, author) == []
    await everything_applied(working)
    for reader in readers:
        await sees(reader, author, post.post_id, in_feed=True, elsewhere=True)
    assert await working.counts("user_followed") == len(readers)
    assert (await author.profile_of(author.user_id)).followers_count == len(readers)
    # Saying it again writes nothing.
    await author.goes(private=False)
    assert await working.counts("author_privacy_changed") == 2
    assert await working.counts("profile_updated") == 0


async def test_asking_while_the_author_goes_public_leaves_nobody_waiting(social: Social) -> None:
    author = await private_person(social)
    readers = [await Person.signs_up(social) for _ in range(12)]
    tries = [reader.follows(author) for reader in readers]
    tries.insert(6, author.goes(private=False))
    await asyncio.gather(*tries)
    assert await social.pool.fetchval("SELECT count(*) FROM follow_requests") == 0
    assert await social.pool.fetchval("SELECT count(*) FROM follows") == len(readers)
    assert await social.counts("user_followed") == len(readers)


async def test_taking_back_answering_and_blocking_at_once_agree(social: Social) -> None:
    author = await private_person(social)
    for _ in range(8):
        reader = await Person.signs_up(social)
        await reader.follows(author)
        await asyncio.gather(reader.unfollows(author), author.answers(reader, accept=True), return_exceptions=True)
        assert not (await reader.profile_of(author.user_id)).viewer_follows
        await reader.follows(author)
        await asyncio.gather(author.blocks(reader), author.answers(reader, accept=True), return_exceptions=True)
    assert await social.pool.fetchval("SELECT count(*) FROM follows") == 0
    assert await social.pool.fetchval("SELECT count(*) FROM follow_requests") == 0
    assert await social.counts("user_followed") == await social.counts("user_unfollowed")
    requested = await social.counts("follow_requested")
    assert requested == await social.counts("user_followed") + await social.counts("follow_request_ended")


async def test_a_block_ends_requests_both_ways(social: Social) -> None:
    one, other = await private_person(social), await private_person(social)
    await one.follows(other)
    await other.follows(one)
    await one.blocks(other)
    assert await social.pool.fetchval("SELECT count(*) FROM follow_requests") == 0
    ends = await social.pool.fetch("SELECT actor_id, payload FROM events WHERE kind = 'follow_request_ended'")
    assert {tuple(end) for end in ends} == {(one.user_id, b""), (other.user_id, b"\x08\x01")}


async def test_requests_count_towards_the_most_that_one_may_follow(social_database: str, redis_url: str) -> None:
    async with running(social_database, redis_url, SOCIAL_FOLLOW_LIMIT="2") as social:
        reader = await Person.signs_up(social)
        authors = [await private_person(social) for _ in range(3)]
        for author in (*authors[:2], authors[0]):
            assert (await reader.follows(author)).viewer_requested
        with refused(grpc.StatusCode.FAILED_PRECONDITION, "FOLLOW_LIMIT_REACHED"):
            await reader.follows(authors[2])


async def test_what_cannot_be_asked(social: Social) -> None:
    author, ghost = await private_person(social), Person(social)
    with refused(INVALID, "SELF_NOT_ALLOWED", "follower_id"):
        await author.sends_away(author)
    with refused(NOT_FOUND, "PROFILE_NOT_FOUND"):
        await author.sends_away(ghost)
    with refused(NOT_FOUND, "FOLLOW_REQUEST_NOT_FOUND"):
        await author.answers(ghost, accept=True)
    with refused(INVALID, "FIELD_INVALID", "idempotency_key"):
        await author.answers(ghost, accept=True, key="")
    request = pb.RemoveFollowerRequest(follower_id=1)
    with refused(INVALID, "FIELD_INVALID", "idempotency_key"):
        await social.stubs.graph.RemoveFollower(request, metadata=author.metadata)
    with refused(NOT_FOUND, "PROFILE_NOT_FOUND"):
        await ghost.goes(private=True)


async def test_an_answer_is_in_the_next_feed_of_another_replica(social_database: str, redis_url: str) -> None:
    signer = Signer()
    async with (
        running(social_database, redis_url, signer) as here,
        running(social_database, redis_url, signer) as there,
    ):
        author, reader = await private_person(here), await Person.signs_up(here)
        reads = Person(there, reader.user_id)
        async with here.working():
            post = await author.posts("خبر للقريبين")
            await reader.follows(author)
            await everything_applied(here)
            await everything_applied(there)
            assert await reads.latest() == []
        # No worker runs from here on: nothing but the write and the next read.
        await author.answers(reader, accept=True)
        assert await reads.latest() == [post.post_id]
        await author.sends_away(reader)
        assert await reads.latest() == []
