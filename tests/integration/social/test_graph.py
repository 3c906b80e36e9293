"""GraphService: following, its limits and races, and the lists of who follows whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import grpc
import grpc.aio

from daira.social.v1 import graph_service_pb2 as pb
from tests.integration.social.person import Person
from tests.integration.social.server import Social, refused, running

INVALID = grpc.StatusCode.INVALID_ARGUMENT


async def followers(social: Social, of: Person, viewer: Person, size: int, token: str = "") -> tuple[list[int], str]:
    request = pb.ListFollowersRequest(user_id=of.user_id, page_size=size, page_token=token)
    answer = await social.stubs.graph.ListFollowers(request, metadata=viewer.metadata)
    return [profile.user_id for profile in answer.profiles], answer.next_page_token


async def test_following_twice_is_one_follow_and_one_event(social: Social) -> None:
    fan, star = await Person.signs_up(social), await Person.signs_up(social)
    answers = await asyncio.gather(*(fan.follows(star) for _ in range(10)))
    assert all(answer.viewer_follows and answer.user_id == star.user_id for answer in answers)
    row = await social.pool.fetchrow("SELECT * FROM events WHERE kind = 'user_followed'")
    follow = await social.pool.fetchrow("SELECT * FROM follows")
    assert row is not None
    assert follow is not None
    assert (row["aggregate_id"], row["actor_id"]) == (star.user_id, fan.user_id)
    assert row["occurred_at"] == follow["created_at"]
    assert await social.counts("user_followed") == 1
    answers = await asyncio.gather(*(fan.unfollows(star) for _ in range(10)))
    assert not any(answer.viewer_follows for answer in answers)
    assert await social.counts("user_unfollowed") == 1


async def test_follows_and_unfollows_at_once_leave_rows_and_events_agreeing(social: Social) -> None:
    fan, star = await Person.signs_up(social), await Person.signs_up(social)
    await asyncio.gather(*((fan.follows if n % 2 else fan.unfollows)(star) for n in range(40)))
    standing = await social.pool.fetchval("SELECT count(*) FROM follows")
    assert standing == await social.counts("user_followed") - await social.counts("user_unfollowed")


async def test_who_cannot_be_followed(social: Social) -> None:
    person, ghost = await Person.signs_up(social), Person(social)
    with refused(INVALID, "SELF_NOT_ALLOWED", "followee_id"):
        await person.follows(person)
    for call in (person.follows, person.unfollows):
        with refused(grpc.StatusCode.NOT_FOUND, "PROFILE_NOT_FOUND"):
            await call(ghost)
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "PROFILE_MISSING"):
        await ghost.follows(person)
    with refused(INVALID, "FIELD_INVALID", "idempotency_key"):
        request = pb.FollowRequest(followee_id=1)
        await social.stubs.graph.Follow(request, metadata=person.metadata)
    assert await social.counts("user_followed") == 0


async def test_the_most_people_that_one_may_follow(migrated_database: Callable[[str], str], redis_url: str) -> None:
    async with running(migrated_database("social"), redis_url, SOCIAL_FOLLOW_LIMIT="2") as social:
        fan, *stars = [await Person.signs_up(social) for _ in range(4)]
        async with social.working():
            for star in stars[:2]:
                await fan.follows(star)
            await social.settled()
            with refused(grpc.StatusCode.FAILED_PRECONDITION, "FOLLOW_LIMIT_REACHED"):
                await fan.follows(stars[2])
            # Who is followed already may be followed again.
            assert (await fan.follows(stars[0])).viewer_follows
            await fan.unfollows(stars[0])
            await social.settled()
            assert (await fan.follows(stars[2])).viewer_follows


async def test_lists_page_through_everybody_latest_first(social: Social) -> None:
    star = await Person.signs_up(social)
    fans = [await Person.signs_up(social) for _ in range(7)]
    for fan in fans:
        await fan.follows(star)
    seen: list[int] = []
    token = ""
    while True:
        page, token = await followers(social, star, star, 3, token)
        seen += page
        if not token:
            break
    assert seen == [fan.user_id for fan in reversed(fans)]
    request = pb.ListFollowingRequest(user_id=fans[0].user_id)
    answer = await social.stubs.graph.ListFollowing(request, metadata=fans[0].metadata)
    assert [(profile.user_id, profile.viewer_follows) for profile in answer.profiles] == [(star.user_id, True)]


async def test_page_tokens_are_bound_to_list_method_and_viewer(social: Social) -> None:
    star, other = await Person.signs_up(social), await Person.signs_up(social)
    for _ in range(3):
        await (await Person.signs_up(social)).follows(star)
    _, token = await followers(social, star, star, 1)
    attempts = [(other, star, token), (star, other, token), (star, star, token[:-2] + "xx"), (star, star, "nonsense")]
    for of, viewer, tried in attempts:
        with refused(INVALID, "PAGE_TOKEN_INVALID"):
            await followers(social, of, viewer, 1, tried)
    with refused(INVALID, "PAGE_TOKEN_INVALID"):
        request = pb.ListFollowingRequest(user_id=star.user_id, page_token=token)
        await social.stubs.graph.ListFollowing(request, metadata=star.metadata)
    for size in (-1, 101):
        with refused(INVALID, "FIELD_INVALID", "page_size"):
            await followers(social, star, star, size)
    with refused(grpc.StatusCode.NOT_FOUND, "PROFILE_NOT_FOUND"):
        await followers(social, Person(social), star, 1)
