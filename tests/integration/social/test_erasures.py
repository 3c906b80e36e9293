"""Forgetting people whose accounts are gone: everything, once, wherever it was cut off, and for ever."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import grpc
import pytest

from daira.events.v1 import events_pb2
from services.chassis.clock import SystemClock
from services.chassis.cursors import PostgresCursorStore
from services.chassis.postgres import PostgresPool
from services.chassis.redis_client import create_redis
from services.chassis.stream_event import StreamEvent
from services.social.adapters.hot_traces import HotTraces
from services.social.adapters.postgres import erasures as module
from services.social.adapters.postgres.erasures import CONSUMER, PostgresErasures
from services.social.adapters.postgres.personal_data import social_data
from tests.fakes.personal_records import gather
from tests.integration.social.person import Person
from tests.integration.social.server import Social, refused

# Where a person stands in each table; of the log of events nothing is taken.
HELD = {
    "profiles": "user_id = $1",
    "follows": "$1 IN (follower_id, followee_id)",
    "follow_requests": "$1 IN (follower_id, followee_id)",
    "blocks": "$1 IN (blocker_id, blocked_id)",
    "mutes": "$1 IN (muter_id, muted_id)",
    "muted_words": "user_id = $1",
    "likes": "user_id = $1",
    "reposts": "user_id = $1",
    "reports": "user_id = $1",
    "impressions": "viewer_id = $1",
    "idempotency_keys": "actor_id = $1",
    "affinities": "viewer_id = $1",
    "posts": "author_id = $1 AND (deleted_at IS NULL OR body <> '')",
}
_positions = itertools.count(1)


async def tell(social: Social, user_id: int, *, times: int = 1) -> PostgresErasures:
    """Auth's log says that an account is gone."""
    pool = social.pool
    erasures = PostgresErasures(pool, HotTraces(social.redis, SystemClock()))
    await PostgresCursorStore(pool, CONSUMER).load()
    for _ in range(times):
        at = await pool.fetchval("SELECT pos + 1 FROM consumer_cursors WHERE consumer = $1", CONSUMER)
        event = events_pb2.Event(pos=at, aggregate_id=user_id, service="auth")
        event.account_deleted.SetInParent()
        await erasures.apply([StreamEvent(at, event.SerializeToString())])
    return erasures


async def held(pool: PostgresPool, user_id: int) -> dict[str, int]:
    counts = {
        table: await pool.fetchval(f"SELECT count(*) FROM {table} WHERE {where}", user_id)
        for table, where in HELD.items()
    }
    return {table: count for table, count in counts.items() if count}


async def lively(social: Social) -> tuple[Person, Person, Person]:
    """Somebody with something in every table, a friend, and a stranger."""
    gone, friend, stranger = [await Person.signs_up(social) for _ in range(3)]
    await gone.follows(friend)
    await friend.follows(gone)
    mine, deleted = await gone.posts("صباح الفل يا جماعة"), await gone.posts("دي غلطة")
    await gone.deletes(deleted.post_id)
    theirs, other = await friend.posts("مساء الخير"), await stranger.posts("أي حاجة")
    await gone.likes(theirs.post_id)
    await friend.likes(mine.post_id)
    await gone.reposts(theirs.post_id)
    await gone.reports(other.post_id)
    await gone.saw(theirs.post_id, opened=[theirs.post_id])
    await gone.mutes_words("كورة")
    await gone.blocks(stranger)
    closed = await Person.signs_up(social)
    await closed.goes(private=True)
    await gone.follows(closed)
    await closed.mutes(gone)
    return gone, friend, stranger


async def test_nothing_is_left_and_others_see_it_go(social: Social) -> None:
    gone, friend, _ = await lively(social)
    async with social.working():
        await social.settled()
        assert len(await friend.latest()) == 2
        before = await held(social.pool, gone.user_id)
        assert set(before) == set(HELD)
        erasures = await tell(social, gone.user_id)
        assert await erasures.erase_next()
        await social.settled()
        # The projector weighs what was taken back, too; the second pass finds that.
        await social.pool.execute("UPDATE erasures SET due_at = clock_timestamp()")
        assert await erasures.erase_next()
        await social.settled()
        assert await held(social.pool, gone.user_id) == {}
        assert await gather(social_data(social.pool), gone.user_id) == {}
        with refused(grpc.StatusCode.NOT_FOUND, "PROFILE_NOT_FOUND"):
            await friend.profile_of(gone.user_id)
        assert len(await friend.latest()) == 1
        profile = await friend.profile_of(friend.user_id)
        assert (profile.followers_count, profile.following_count) == (0, 0)
        likes = "SELECT likes, reposts FROM post_counters c JOIN posts p ON p.id = c.post_id WHERE p.author_id = $1"
        assert [tuple(row) for row in await social.pool.fetch(likes, friend.user_id)] == [(0, 0)]


async def test_told_twice_or_done_twice_is_done_once(social: Social) -> None:
    gone, *_ = await lively(social)
    erasures = await tell(social, gone.user_id, times=3)
    assert await erasures.erase_next()
    told = await social.pool.fetchval("SELECT count(*) FROM events")
    assert not await erasures.erase_next()
    await social.pool.execute("UPDATE erasures SET due_at = clock_timestamp()")
    assert await erasures.erase_next()
    assert await social.pool.fetchval("SELECT count(*) FROM events") == told
    assert await social.pool.fetchval("SELECT done_at IS NOT NULL FROM erasures")
    assert not await erasures.erase_next()


async def test_what_came_late_is_found_by_the_second_pass(social: Social) -> None:
    gone, friend, _ = await lively(social)
    erasures = await tell(social, gone.user_id)
    await erasures.erase_next()
    # A token of theirs was good for a moment longer.
    post = await friend.posts("بوست جديد")
    await gone.likes(post.post_id)
    with refused(grpc.StatusCode.ALREADY_EXISTS, "HANDLE_TAKEN"):
        await gone.makes_profile("back_again")
    await social.pool.execute("UPDATE erasures SET due_at = clock_timestamp()")
    await erasures.erase_next()
    assert await held(social.pool, gone.user_id) == {}


@pytest.mark.parametrize("steps", range(0, 15, 2))
async def test_cut_off_anywhere_it_goes_on(social: Social, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    gone, *_ = await lively(social)
    erasures = await tell(social, gone.user_id)
    left = itertools.count(steps, -1)
    monkeypatch.setattr(module, "_AT_ONCE", 1)
    real: Callable[..., object] = module._erase

    def fails(statement: str) -> object:
        part = real(statement)

        async def erase(pool: PostgresPool, user_id: int) -> int:
            if next(left) <= 0:
                raise asyncio.CancelledError
            return await part(pool, user_id)  # type: ignore[operator, no-any-return]

        return erase

    monkeypatch.setattr(module, "_erase", fails)
    with pytest.raises(asyncio.CancelledError):
        await erasures.erase_next()
    monkeypatch.undo()
    await social.pool.execute("UPDATE erasures SET due_at = clock_timestamp()")
    assert await erasures.erase_next()
    assert await held(social.pool, gone.user_id) == {}
    told = "SELECT count(*) FROM events WHERE kind = $1 GROUP BY aggregate_id, actor_id"
    for kind in ("post_deleted", "user_unfollowed", "post_unliked"):
        assert {row[0] for row in await social.pool.fetch(told, kind)} == {1}


async def test_redis_keeps_no_copy_of_theirs(social: Social) -> None:
    gone, friend, stranger = await lively(social)
    async with social.working():
        await social.settled()
        # Read by their own followers, and by themselves: whatever Redis is to have is there.
        await asyncio.gather(friend.latest(), gone.latest(), stranger.latest())
        kept = await social.redis.keys(f"*:{gone.user_id}")
        assert {bytes(key).split(b":")[0] for key in kept if isinstance(key, bytes)} >= {b"inbox", b"seen"}
        mine = [row[0] for row in await social.pool.fetch("SELECT id FROM posts WHERE author_id = $1", gone.user_id)]
        assert await social.redis.exists(*(f"post:{post_id}" for post_id in mine))
        erasures = await tell(social, gone.user_id)
        assert await erasures.erase_next()
        await social.settled()
        assert await social.redis.keys(f"*:{gone.user_id}") == []
        assert not await social.redis.exists(*(f"post:{post_id}" for post_id in mine))
        assert len(await friend.latest()) == 1
        # A replica that read the post before it was gone may leave a copy after: the second pass takes it out.
        await social.redis.set(f"post:{mine[0]}", b"copy")
        await social.pool.execute("UPDATE erasures SET due_at = clock_timestamp()")
        assert await erasures.erase_next()
        assert not await social.redis.exists(*(f"post:{post_id}" for post_id in mine))


async def test_without_redis_the_erasure_goes_on(social: Social) -> None:
    gone, *_ = await lively(social)
    away = create_redis("redis://127.0.0.1:1", timeout_s=0.2, client_name="away")
    await tell(social, gone.user_id)
    assert await PostgresErasures(social.pool, HotTraces(away, SystemClock())).erase_next()
    await away.aclose()
    assert await held(social.pool, gone.user_id) == {}
