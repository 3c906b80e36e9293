"""SafetyService: blocks hold both ways and end follows, mutes and muted words hide from the next feed on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from daira.social.v1 import feed_service_pb2 as feed_pb
from daira.social.v1 import graph_service_pb2 as graph_pb
from daira.social.v1 import safety_service_pb2 as pb
from services.social.application.safety import MUTED_WORDS_MAX, WORD_CHARS_MAX
from tests.integration.social.feed.reading import everything_applied, ids_of, page
from tests.integration.social.person import Person
from tests.integration.social.server import Social, refused

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
DENIED = grpc.StatusCode.PERMISSION_DENIED


@pytest.fixture
async def working(social: Social) -> AsyncIterator[Social]:
    async with social.working():
        yield social


async def friends(social: Social) -> tuple[Person, Person]:
    """Two people who follow each other."""
    one, other = await Person.signs_up(social), await Person.signs_up(social)
    await one.follows(other)
    await other.follows(one)
    return one, other


async def test_a_block_ends_everything_between_two_people(working: Social) -> None:
    blocker, blocked = await friends(working)
    mine, theirs = await blocker.posts("صباح الخير يا جماعة"), await blocked.posts("مساء النور")
    await everything_applied(working)
    assert await blocker.latest() == await blocked.latest() == [theirs.post_id, mine.post_id]
    await blocker.blocks(blocked)
    # Before any worker has heard of it, and after.
    for _ in range(2):
        for person, own, other, others in ((blocker, mine, blocked, theirs), (blocked, theirs, blocker, mine)):
            assert await person.latest() == [own.post_id]
            assert ids_of(await page(person, feed_pb.FEED_MODE_RANKED, 10)) == [own.post_id]
            assert await person.timeline_of(person) == [own.post_id]
            for call in (person.reads, person.likes, person.unlikes, person.reports):
                with refused(NOT_FOUND, "POST_NOT_FOUND"):
                    await call(others.post_id)
            with refused(DENIED, "BLOCKED"):
                await person.follows(other)
        await everything_applied(working)
    with refused(DENIED, "BLOCKED"):
        await blocker.timeline_of(blocked)
    with refused(NOT_FOUND, "PROFILE_NOT_FOUND"):
        await blocked.timeline_of(blocker)
    assert await working.pool.fetchval("SELECT count(*) FROM follows") == 0
    assert await working.counts("user_unfollowed") == 2
    profile = await blocker.profile_of(blocked.user_id)
    assert (profile.viewer_follows, profile.followers_count, profile.following_count) == (False, 0, 0)


async def test_the_blocked_do_not_find_the_blocker(social: Social) -> None:
    blocker, blocked, other = [await Person.signs_up(social) for _ in range(3)]
    for person in (blocker, blocked):
        await person.follows(other)
    await blocker.blocks(blocked)
    with refused(NOT_FOUND, "PROFILE_NOT_FOUND"):
        await blocked.profile_of(blocker.user_id)
    assert (await blocker.profile_of(blocked.user_id)).user_id == blocked.user_id
    for viewer, seen in ((blocked, {blocked.user_id}), (other, {blocked.user_id, blocker.user_id})):
        assert {profile.user_id for profile in await followers_of(other, viewer)} == seen
    with refused(NOT_FOUND, "PROFILE_NOT_FOUND"):
        await followers_of(blocker, blocked)


async def followers_of(person: Person, viewer: Person) -> list[Any]:
    request = graph_pb.ListFollowersRequest(user_id=person.user_id)
    answer = await viewer.social.stubs.graph.ListFollowers(request, metadata=viewer.metadata)
    return list(answer.profiles)


async def test_after_an_unblock_they_may_follow_again_and_do_not_by_themselves(working: Social) -> None:
    blocker, blocked = await friends(working)
    post = await blocked.posts("راجعين")
    await everything_applied(working)
    await blocker.blocks(blocked)
    await blocker.unblocks(blocked)
    assert await blocker.latest() == []
    assert (await blocker.reads(post.post_id)).post_id == post.post_id
    assert await blocker.timeline_of(blocked) == [post.post_id]
    await blocker.follows(blocked)
    assert await blocker.latest() == [post.post_id]
    assert (await blocked.profile_of(blocker.user_id)).viewer_follows is False
    await everything_applied(working)
    assert await blocker.latest() == [post.post_id]


async def test_both_may_block_and_each_undoes_their_own(social: Social) -> None:
    one, other = await friends(social)
    await one.blocks(other)
    await other.blocks(one)
    await one.unblocks(other)
    with refused(DENIED, "BLOCKED"):
        await one.follows(other)
    # The one who is blocked back finds whom they block in their own list, and nowhere else.
    await one.blocks(other)
    assert await everybody(one, "ListBlocked", 2) == [other.user_id]
    with refused(NOT_FOUND, "PROFILE_NOT_FOUND"):
        await one.profile_of(other.user_id)


async def test_a_block_and_a_follow_at_once_leave_no_follow(social: Social) -> None:
    for _ in range(10):
        one, other = await Person.signs_up(social), await Person.signs_up(social)
        tries = [one.follows(other), other.follows(one), one.blocks(other), one.follows(other), other.follows(one)]
        ends = await asyncio.gather(*tries, return_exceptions=True)
        assert ends[2] is None
    assert await social.pool.fetchval("SELECT count(*) FROM follows") == 0
    assert await social.counts("user_followed") == await social.counts("user_unfollowed")
    assert await social.counts("user_blocked") == 10


async def test_saying_it_again_changes_nothing(social: Social) -> None:
    one, other = await Person.signs_up(social), await Person.signs_up(social)
    pairs = (
        (one.blocks, "user_blocked"), (one.unblocks, "user_unblocked"),
        (one.mutes, "user_muted"), (one.unmutes, "user_unmuted"),
    )  # fmt: skip
    for call, event in pairs:
        await asyncio.gather(*(call(other) for _ in range(6)))
        assert await social.counts(event) == 1
        row = await social.pool.fetchrow("SELECT aggregate_id, actor_id FROM events WHERE kind = $1", event)
        assert tuple(row or ()) == (other.user_id, one.user_id)
    for _ in range(3):
        await one.mutes_words("كرة")
    assert await social.counts("muted_words_changed") == 1


async def test_who_cannot_be_blocked_or_muted(social: Social) -> None:
    person, ghost = await Person.signs_up(social), Person(social)
    calls: tuple[Callable[[Person], Awaitable[None]], ...]
    calls = (person.blocks, person.unblocks, person.mutes, person.unmutes)
    for call in calls:
        with refused(INVALID, "SELF_NOT_ALLOWED", "user_id"):
            await call(person)
        with refused(NOT_FOUND, "PROFILE_NOT_FOUND"):
            await call(ghost)
    stub = social.stubs.safety
    unkeyed: tuple[tuple[Any, Any], ...] = (
        (stub.Block, pb.BlockRequest(user_id=1)),
        (stub.Unblock, pb.UnblockRequest(user_id=1)),
        (stub.Mute, pb.MuteRequest(user_id=1)),
        (stub.Unmute, pb.UnmuteRequest(user_id=1)),
        (stub.SetMutedWords, pb.SetMutedWordsRequest()),
    )
    for method, request in unkeyed:
        with refused(INVALID, "FIELD_INVALID", "idempotency_key"):
            await method(request, metadata=person.metadata)
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
            await method(request)
    assert await social.pool.fetchval("SELECT count(*) FROM blocks") == 0
    assert await social.pool.fetchval("SELECT count(*) FROM mutes") == 0


async def test_a_mute_hides_from_the_feed_and_from_nothing_else(working: Social) -> None:
    reader, author = await friends(working)
    post = await author.posts("حكاية طويلة")
    await everything_applied(working)
    await reader.mutes(author)
    for _ in range(2):
        assert await reader.latest() == []
        assert await author.latest() == [post.post_id]
        assert await reader.timeline_of(author) == [post.post_id]
        assert (await reader.likes(post.post_id)).viewer_likes
        assert (await reader.profile_of(author.user_id)).viewer_follows
        await everything_applied(working)
    await reader.unmutes(author)
    assert await reader.latest() == [post.post_id]


async def test_muted_words_hide_however_they_are_spelt(working: Social) -> None:
    reader, author = await friends(working)
    football, coffee = await author.posts("ماتش الأهلي النهارده"), await author.posts("القهوه الصبح")
    await everything_applied(working)
    assert await reader.latest() == [coffee.post_id, football.post_id]
    assert await reader.mutes_words("الاهلى", "الأهلي", "  مطر غزير ") == ["الاهلى", "مطر غزير"]
    assert await reader.latest() == [coffee.post_id]
    assert await reader.timeline_of(author) == [coffee.post_id, football.post_id]
    await reader.mutes_words("القَهوة")
    assert await reader.latest() == [football.post_id]
    answer = await working.stubs.safety.GetMutedWords(pb.GetMutedWordsRequest(), metadata=reader.metadata)
    assert list(answer.words) == ["القَهوة"]
    await reader.mutes_words()
    assert await reader.latest() == [coffee.post_id, football.post_id]


async def test_which_words_can_be_muted(social: Social) -> None:
    person = await Person.signs_up(social)
    most = [f"كلمة{n}" for n in range(MUTED_WORDS_MAX)]
    assert await person.mutes_words(*most) == most
    with refused(INVALID, "FIELD_INVALID", "words"):
        await person.mutes_words(*most, "زيادة")
    for bad in ("", "   ", "؟!", "أ" * (WORD_CHARS_MAX + 1), "سطر\nوسطر"):
        with refused(INVALID, "FIELD_INVALID", "words[1]"):
            await person.mutes_words("تمام", bad)
    longest = "أ" * WORD_CHARS_MAX
    assert await person.mutes_words(longest) == [longest]


async def test_lists_page_latest_first(social: Social) -> None:
    person = await Person.signs_up(social)
    others = [await Person.signs_up(social) for _ in range(5)]
    for other in others:
        await person.blocks(other)
        await person.mutes(other)
    latest_first = [other.user_id for other in reversed(others)]
    for method in ("ListBlocked", "ListMuted"):
        for size in (1, 2, 5, 100):
            assert await everybody(person, method, size) == latest_first
        assert await everybody(others[0], method, 10) == []
        with refused(INVALID, "FIELD_INVALID", "page_size"):
            await listed(person, method, 101)
        _, token = await listed(person, method, 1)
        with refused(INVALID, "PAGE_TOKEN_INVALID"):
            await listed(others[0], method, 1, token)
    with refused(INVALID, "PAGE_TOKEN_INVALID"):
        await listed(person, "ListBlocked", 1, token)


async def listed(person: Person, method: str, size: int, token: str = "") -> tuple[list[int], str]:
    request: Any = getattr(pb, f"{method}Request")(page_size=size, page_token=token)
    answer = await getattr(person.social.stubs.safety, method)(request, metadata=person.metadata)
    return [profile.user_id for profile in answer.profiles], answer.next_page_token


async def everybody(person: Person, method: str, size: int) -> list[int]:
    found, token = await listed(person, method, size)
    while token:
        more, token = await listed(person, method, size, token)
        found += more
    return found
