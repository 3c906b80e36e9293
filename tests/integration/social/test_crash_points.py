"""Killed between any two calls to a store: the next life makes good whatever the last one left half done."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import random
from typing import Any, Final, cast

import pytest

from daira.social.v1 import feed_service_pb2 as feed_pb
from daira.social.v1 import post_service_pb2 as post_pb
from services.social.adapters.projector import CONSUMER as PROJECTOR
from services.social.adapters.redis_inbox import RedisInboxes
from tests.integration.social.feed.reading import MODES
from tests.integration.social.fragile import Fragile, Fuse, Killed
from tests.integration.social.person import Person
from tests.integration.social.server import FAN_OUT, Social
from tests.integration.social.test_deliveries import community, feeds_are_the_oracles, projections

# What is never sent is never awaited either.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")

STEPS_A_LIFE: Final = 6
LIVES_MAX: Final = 60
CANCELLED: Final = 150


def on_fragile_stores(social: Social, fuse: Fuse) -> Social:
    """The same social for workers, on stores that break them off."""
    fragile = copy.copy(social)
    fragile.pool = cast("Any", Fragile(social.pool, fuse))
    fragile.redis = cast("Any", Fragile(social.redis, fuse))
    fragile.inboxes = RedisInboxes(fragile.redis)
    return fragile


async def until_killed(social: Social, worker: str, consumer: str, fuse: Fuse) -> bool:
    """One life of a worker: until its fuse has burned down, or until there is nothing left to do."""
    fragile, stop = on_fragile_stores(social, fuse), asyncio.Event()
    life = asyncio.create_task(getattr(fragile, worker)(stop))
    end = asyncio.create_task(social.settled(consumer))
    await asyncio.wait({life, end}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    outcome = (await asyncio.gather(life, return_exceptions=True))[0]
    end.cancel()
    assert outcome is None or isinstance(outcome, Killed), outcome
    return isinstance(outcome, Killed)


@pytest.mark.parametrize("answered", [False, True], ids=["not sent", "not answered"])
@pytest.mark.parametrize(("worker", "consumer"), [("fan_out", FAN_OUT), ("projector", PROJECTOR)])
async def test_a_worker_killed_at_each_of_its_calls_leaves_no_trace_of_it(
    social: Social, worker: str, consumer: str, *, answered: bool
) -> None:
    others = {"relay", "projector", "fan_out"} - {worker}
    async with social.working(*others):
        village = await community(social, 11)
        deaths = 0
        for calls in range(1, LIVES_MAX):
            await village.acts(STEPS_A_LIFE)
            for person in village.people[:2]:
                await person.latest()
            killed = await until_killed(social, worker, consumer, Fuse(calls, answered=answered))
            deaths += killed
            if not killed:
                break
        assert deaths >= 4, "a life of so few calls is none"
        async with social.working(worker):
            await feeds_are_the_oracles(social, village.people)
            made = await projections(social)
    if worker == "projector":
        await social.pool.execute("TRUNCATE post_counters, author_counters, affinities")
        await social.pool.execute("UPDATE consumer_cursors SET pos = 0 WHERE consumer = $1", PROJECTOR)
        async with social.working("projector"):
            await social.settled(PROJECTOR)
        assert [row[:4] for row in made[1]] == [row[:4] for row in (await projections(social))[1]]
        assert made[0] == (await projections(social))[0]


async def _outcome(call: Any) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await call


async def test_a_create_broken_off_at_any_moment_makes_one_post_when_it_is_repeated(social: Social) -> None:
    author, chance = await Person.signs_up(social), random.Random(12)
    made: list[int] = []
    for n in range(CANCELLED):
        request = post_pb.CreatePostRequest(body=f"بوست {n}", idempotency_key=author.key())
        call = social.stubs.posts.CreatePost(request, metadata=author.metadata)
        await asyncio.sleep(chance.random() * 0.004)
        call.cancel()
        await asyncio.wait({asyncio.ensure_future(_outcome(call))})
        answer: post_pb.CreatePostResponse = await social.stubs.posts.CreatePost(request, metadata=author.metadata)
        made.append(answer.post.post_id)
    assert await social.counts("post_created") == CANCELLED == len(set(made))
    async with social.working():
        await feeds_are_the_oracles(social, [author])


async def test_a_feed_broken_off_at_any_moment_leaves_the_next_one_whole(social: Social) -> None:
    chance = random.Random(13)
    async with social.working():
        village = await community(social, 13)
        await village.acts(STEPS_A_LIFE * 10)
        await social.settled()
        for n in range(CANCELLED):
            reader = chance.choice(village.people)
            if chance.random() < 0.5:
                # So the inbox is built anew while its reader hangs up.
                await social.redis.delete(f"inbox:{reader.user_id}")
            request = feed_pb.GetHomeFeedRequest(mode=chance.choice(list(MODES)), page_size=5)  # type: ignore[arg-type]
            call = social.stubs.feeds.GetHomeFeed(request, metadata=reader.metadata)
            await asyncio.sleep(chance.random() * 0.006)
            call.cancel()
            await asyncio.wait({asyncio.ensure_future(_outcome(call))})
            if n % 30 == 0:
                await feeds_are_the_oracles(social, [reader])
        await feeds_are_the_oracles(social, village.people)
