"""Reposts: passed on once a person, shown once a feed, counted for the original, and gone when taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from daira.events.v1 import events_pb2
from daira.social.v1 import feed_service_pb2 as pb
from daira.social.v1 import post_pb2
from services.chassis.ids import MAX_ID, shard_of
from tests.integration.social.feed.reading import MODES, everything_applied, ids_of, page, recorded_state, whole
from tests.integration.social.person import Person
from tests.integration.social.server import Social, refused, until
from tests.oracles import feed as oracle

pytestmark = pytest.mark.stores
NOT_FOUND = grpc.StatusCode.NOT_FOUND
LATEST, RANKED = pb.FEED_MODE_LATEST, pb.FEED_MODE_RANKED


@pytest.fixture
async def working(social: Social) -> AsyncIterator[Social]:
    """The service with its workers."""
    async with social.working():
        yield social


async def people(social: Social) -> tuple[Person, Person, Person]:
    """A reader who follows a friend, and a stranger whom neither follows."""
    reader, friend, stranger = [await Person.signs_up(social) for _ in range(3)]
    await reader.follows(friend)
    return reader, friend, stranger


async def events(social: Social, kind: str) -> list[tuple[int, bytes]]:
    rows = await social.pool.fetch("SELECT aggregate_id, payload FROM events WHERE kind = $1 ORDER BY seq", kind)
    return [(row[0], row[1]) for row in rows]


async def reposts_of(social: Social, post_id: int) -> int:
    """As projected; the feature table's is what feeds show."""
    await everything_applied(social)
    count: int = await social.pool.fetchval(
        "SELECT coalesce((SELECT reposts FROM post_counters WHERE post_id = $1), 0)", post_id
    )
    return count


async def test_a_repost_reaches_the_followers_and_says_who_passed_it_on(working: Social) -> None:
    reader, friend, stranger = await people(working)
    # An inbox that is there is pushed to, rather than built with the repost in it.
    assert await reader.latest() == []
    post = await stranger.posts("الأهلي كسب امبارح")
    answer = await friend.reposts(post.post_id)
    assert (answer.post_id, answer.body, answer.viewer_reposted) == (post.post_id, post.body, True)
    await everything_applied(working)
    for mode in (LATEST, RANKED):
        (item,) = (await page(reader, mode, 10)).items
        assert (item.post.post_id, item.post.author.user_id) == (post.post_id, stranger.user_id)
        assert item.reposted_by.user_id == friend.user_id
        assert item.reposted_by.handle == friend.handle
        assert item.repost_id > post.post_id
        assert item.source == pb.FEED_SOURCE_INBOX
        assert (item.post.reposts_count, item.post.viewer_reposted) == (1, False)
    assert shard_of(item.repost_id) == shard_of(friend.user_id)
    # Whoever asks for the repost is answered with what it passes on, and so is what is done to it.
    assert (await reader.reads(item.repost_id)).post_id == post.post_id
    assert (await reader.likes(item.repost_id)).post_id == post.post_id
    assert (await stranger.reads(post.post_id)).reposts_count == 1


async def test_one_repost_a_person_and_post(working: Social) -> None:
    reader, friend, stranger = await people(working)
    post = await stranger.posts("خبر")
    await asyncio.gather(*(friend.reposts(post.post_id) for _ in range(10)))
    ((repost_id, payload),) = [event for event in await events(working, "post_created") if event[0] != post.post_id]
    created = events_pb2.PostCreated.FromString(payload)
    assert (created.original_id, created.original_author_id) == (post.post_id, stranger.user_id)
    assert (created.kind, created.body) == (post_pb2.POST_KIND_REPOST, "")
    # A repost of the repost is one of the original; two posts of the same people's count one each.
    await reader.reposts(repost_id)
    await reader.reposts(post.post_id)
    assert await reposts_of(working, post.post_id) == 2
    assert await working.pool.fetchval("SELECT count(*) FROM reposts WHERE post_id = $1", post.post_id) == 2
    assert (await reader.profile_of(friend.user_id)).posts_count == 0
    weight = "SELECT weight FROM affinities WHERE viewer_id = $1 AND author_id = $2"
    assert await working.pool.fetchval(weight, friend.user_id, stranger.user_id) == pytest.approx(2.0, abs=1e-4)


async def test_the_end_of_a_repost(working: Social) -> None:
    reader, friend, stranger = await people(working)
    post = await stranger.posts("كلام")
    assert not (await friend.undoes_repost(post.post_id)).viewer_reposted
    for _ in range(2):
        await friend.reposts(post.post_id)
        assert await reposts_of(working, post.post_id) == 1
        assert ids_of(await page(reader, LATEST, 10)) == [post.post_id]
        repost_id = (await page(reader, LATEST, 10)).items[0].repost_id
        answers = await asyncio.gather(*(friend.undoes_repost(post.post_id) for _ in range(5)))
        assert not any(answer.viewer_reposted for answer in answers)
        assert await reposts_of(working, post.post_id) == 0
        assert ids_of(await page(reader, LATEST, 10)) == ids_of(await page(friend, LATEST, 10)) == []
        with refused(NOT_FOUND, "POST_NOT_FOUND"):
            await reader.reads(repost_id)
    gone = [events_pb2.PostDeleted.FromString(payload) for _, payload in await events(working, "post_deleted")]
    assert [(event.original_id, event.original_author_id) for event in gone] == [(post.post_id, stranger.user_id)] * 2
    weight = "SELECT weight FROM affinities WHERE viewer_id = $1 AND author_id = $2"
    assert await working.pool.fetchval(weight, friend.user_id, stranger.user_id) == pytest.approx(0.0, abs=1e-4)


async def test_the_reposter_sees_it_in_the_very_next_feed(social: Social) -> None:
    # Without any worker.
    _, friend, stranger = await people(social)
    post = await stranger.posts("من غير عمال")
    await friend.reposts(post.post_id)
    (item,) = (await page(friend, LATEST, 10)).items
    assert (item.post.post_id, item.post.viewer_reposted) == (post.post_id, True)
    assert (item.reposted_by.user_id, item.source) == (friend.user_id, pb.FEED_SOURCE_OWN)
    await friend.undoes_repost(post.post_id)
    assert ids_of(await page(friend, LATEST, 10)) == []


async def test_a_post_is_shown_once_on_all_pages(working: Social, social_database: str) -> None:
    reader, friend, stranger = await people(working)
    other = await Person.signs_up(working)
    await reader.follows(other)
    posts = [(await (stranger if n % 2 else other).posts(f"بوست رقم {n}")).post_id for n in range(8)]
    for post_id in posts:
        await friend.reposts(post_id)
        await other.reposts(post_id)
        await friend.posts(f"تعليق على {post_id}")
    await everything_applied(working)
    state = await recorded_state(social_database)
    for mode, name in MODES.items():
        ids, now_ms, _ = await whole(reader, mode, 3)
        assert sorted(ids) == sorted(set(ids)), "a post twice"
        assert set(posts) <= set(ids)
        assert ids == oracle.home_feed(state, reader.user_id, now_ms, name)


async def test_an_original_shown_on_one_page_does_not_come_back_as_a_repost(working: Social) -> None:
    reader, friend, stranger = await people(working)
    await reader.follows(stranger)
    posts = [(await stranger.posts(f"بوست {n}")).post_id for n in range(6)]
    await everything_applied(working)
    first = await page(reader, RANKED, 3)
    for post_id in ids_of(first):
        await friend.reposts(post_id)
    await everything_applied(working)
    second = await page(reader, RANKED, 10, first.next_page_token)
    assert sorted(ids_of(first) + ids_of(second)) == posts


async def test_feedback_on_a_repost_is_about_the_original(working: Social) -> None:
    reader, friend, stranger = await people(working)
    post = await stranger.posts("حد شاف ده؟")
    await friend.reposts(post.post_id)
    await everything_applied(working)
    (item,) = (await page(reader, RANKED, 10)).items
    await reader.saw(item.repost_id, item.post.post_id, opened={item.repost_id})
    # Whoever passed it on is not its author, and whoever wrote it is.
    await friend.saw(item.repost_id)
    await stranger.saw(item.repost_id)
    await everything_applied(working)
    row = await working.pool.fetchrow("SELECT impressions, opens FROM post_counters WHERE post_id = $1", post.post_id)
    assert row is not None
    assert tuple(row) == (2, 1)
    assert (await page(reader, RANKED, 10)).items[0].seen_before


async def test_ones_own_post_may_be_passed_on(working: Social) -> None:
    reader, friend, _ = await people(working)
    post = await friend.posts("للتذكير")
    assert (await friend.reposts(post.post_id)).viewer_reposted
    await everything_applied(working)
    # The post itself is shown, being there.
    (item,) = (await page(reader, LATEST, 10)).items
    assert (item.post.post_id, item.repost_id) == (post.post_id, 0)


async def test_what_is_gone_unknown_or_private_is_not_passed_on(working: Social) -> None:
    reader, friend, stranger = await people(working)
    gone, hidden = await stranger.posts("راح"), await stranger.posts("خاص")
    await friend.reposts(gone.post_id)
    await stranger.deletes(gone.post_id)
    await working.pool.execute("UPDATE profiles SET is_private = true WHERE user_id = $1", stranger.user_id)
    # Whoever follows a private author sees the posts, and may not show them around.
    follow = "INSERT INTO follows (follower_id, followee_id) VALUES ($1, $2)"
    await working.pool.execute(follow, reader.user_id, stranger.user_id)
    for person in (stranger, reader):
        with refused(grpc.StatusCode.FAILED_PRECONDITION, "REPOST_NOT_ALLOWED"):
            await person.reposts(hidden.post_id)
    await reader.unfollows(stranger)
    for post_id in (gone.post_id, hidden.post_id, 0, -1, 1, MAX_ID):
        with refused(NOT_FOUND, "POST_NOT_FOUND"):
            await friend.reposts(post_id)
    for post_id in (gone.post_id, 0, -1, 1, MAX_ID):
        with refused(NOT_FOUND, "POST_NOT_FOUND"):
            await friend.undoes_repost(post_id)
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "PROFILE_MISSING"):
        post = await friend.posts("عام")
        await Person(working).reposts(post.post_id)

    async def is_empty() -> bool:
        return ids_of(await page(reader, LATEST, 10)) == [post.post_id]

    # The repost of a post that is gone is in no feed.
    await until(is_empty)


async def test_nothing_is_passed_on_across_a_block_and_a_repost_can_still_be_undone(working: Social) -> None:
    _, friend, stranger = await people(working)
    first, second = await stranger.posts("قبل البلوك"), await stranger.posts("قبل البلوك برضه")
    await friend.reposts(first.post_id)
    await stranger.blocks(friend)
    with refused(NOT_FOUND, "POST_NOT_FOUND"):
        await friend.reposts(second.post_id)
    # There is nothing to show for it any more.
    with refused(NOT_FOUND, "POST_NOT_FOUND"):
        await friend.undoes_repost(first.post_id)
    assert await reposts_of(working, first.post_id) == 0
    assert await working.pool.fetchval("SELECT count(*) FROM reposts") == 0


async def test_a_repost_is_not_deleted_as_a_post(working: Social) -> None:
    _, friend, stranger = await people(working)
    post = await stranger.posts("مش بتاعك")
    await friend.reposts(post.post_id)
    (item,) = (await page(friend, LATEST, 10)).items
    with refused(NOT_FOUND, "POST_NOT_FOUND"):
        await friend.deletes(item.repost_id)
    assert await reposts_of(working, post.post_id) == 1
    timeline = await working.stubs.feeds.GetAuthorTimeline(pb.GetAuthorTimelineRequest(author_id=friend.user_id))
    assert list(timeline.posts) == []
