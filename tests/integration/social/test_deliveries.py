"""Events that come twice, in disorder, with holes, or that are none: projections and feeds are what the log says."""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import Sequence
from typing import Any

import pytest

from daira.events.v1 import event_log_service_pb2 as log_pb
from daira.events.v1 import events_pb2
from services.chassis.clock import SystemClock
from services.chassis.cursors import CursorMoved
from services.chassis.redis_client import create_redis
from services.chassis.stream_event import EventSource, StreamEvent
from services.social.adapters.event_codec import STREAM
from services.social.adapters.fan_out import FanOut
from services.social.adapters.projector import Projector
from services.social.adapters.redis_inbox import FILLED_UP_TO
from tests.integration.social.feed.reading import (
    MODES,
    everything_applied,
    nobody_remembers_what_they_saw,
    recorded_state,
    whole,
)
from tests.integration.social.feed.test_against_the_oracle import Community
from tests.integration.social.person import Person
from tests.integration.social.server import Social, running, until
from tests.oracles import feed as oracle

PEOPLE = 8
STEPS = 120
PAGE = 7
POISON = "INSERT INTO events (kind, aggregate_id, actor_id, payload) VALUES ($1, $2, $3, $4)"
PROJECTIONS = (
    "SELECT * FROM post_counters ORDER BY post_id",
    "SELECT user_id, followers, following, posts, fan_in FROM author_counters ORDER BY user_id",
    "SELECT viewer_id, author_id, weight, extract(epoch FROM as_of)::float8 FROM affinities ORDER BY 1, 2",
)


class UnrulySource:
    """A log that is read with repeats, in disorder and with holes; what is missing comes when it is asked for again."""

    def __init__(self, log: EventSource, chance: random.Random) -> None:
        self._log = log
        self._chance = chance

    async def read(self, after_pos: int, limit: int) -> list[StreamEvent]:
        events = await self._log.read(max(0, after_pos - 5), limit)
        kept = [event for event in events if event.pos == after_pos + 1 or self._chance.random() > 0.2]
        kept += self._chance.choices(kept, k=3) if kept else []
        self._chance.shuffle(kept)
        return kept


async def community(social: Social, seed: int) -> Community:
    """People who follow one another enough for feeds to have something in them."""
    people = [await Person.signs_up(social) for _ in range(PEOPLE)]
    for person in people:
        for other in people[:4]:
            if person is not other:
                await person.follows(other)
    return Community(people, seed)


async def feeds_are_the_oracles(social: Social, people: Sequence[Person]) -> None:
    await everything_applied(social)
    await nobody_remembers_what_they_saw(social)
    state = await recorded_state(social.settings.worker.database_url)
    for person in people:
        for mode, name in MODES.items():
            ids, now_ms, degraded = await whole(person, mode, PAGE)
            assert ids == oracle.home_feed(state, person.user_id, now_ms, name)
            assert not degraded


async def projections(social: Social) -> list[list[tuple[object, ...]]]:
    return [[tuple(row) for row in await social.pool.fetch(statement)] for statement in PROJECTIONS]


async def dead_letters(social: Social) -> dict[str, set[int]]:
    """The positions that each consumer has given up on."""
    rows = await social.pool.fetch("SELECT consumer, array_agg(pos) FROM dead_letters GROUP BY consumer")
    return {consumer: set(positions) for consumer, positions in rows}


async def test_workers_that_are_sent_a_jumble_make_what_others_make_in_order(social: Social) -> None:
    chance = random.Random(5)
    jumbled = copy.copy(social)
    jumbled.log = UnrulySource(social.log, chance)  # type: ignore[assignment]
    # Without a stream of its own a consumer reads the log.
    jumbled.redis = create_redis("redis://127.0.0.1:1", timeout_s=0.25, client_name="test")
    async with social.working("relay"), jumbled.working("projector", "fan_out"):
        village = await community(social, 5)
        await village.acts(STEPS)
        await feeds_are_the_oracles(social, village.people)
        made = await projections(social)
    await jumbled.redis.aclose()
    await social.pool.execute("TRUNCATE post_counters, author_counters, affinities, consumer_cursors")
    async with social.working():
        await social.settled()
        for table, anew in zip(made, await projections(social), strict=True):
            assert [row[:2] for row in table] == [row[:2] for row in anew]
            for row, other in zip(table, anew, strict=True):
                # Of batches cut elsewhere the decayed sums differ by their last bits.
                assert row[2:] == pytest.approx(other[2:], rel=1e-9)


async def test_a_stream_with_holes_is_as_good_as_a_whole_one(social: Social) -> None:
    chance, done = random.Random(6), asyncio.Event()

    async def eat_holes() -> None:
        while not done.is_set():
            entries: Any = await social.redis.xrange(STREAM, count=1000)
            for entry_id, _ in entries:
                if chance.random() < 0.3:
                    await social.redis.xdel(STREAM, entry_id)
            await asyncio.sleep(0.02)

    async with social.working():
        village = await community(social, 6)
        eating = asyncio.create_task(eat_holes())
        await village.acts(STEPS)
        done.set()
        await eating
        await feeds_are_the_oracles(social, village.people)


async def test_a_batch_delivered_again_or_too_early_changes_nothing(social: Social) -> None:
    async with social.working():
        village = await community(social, 7)
        await village.acts(STEPS)
        await everything_applied(social)
    before = await projections(social)
    events = await social.log.read(0, 1000)
    projector = Projector(social.pool, social.settings.worker.fan_in_threshold)
    fan_out = FanOut(social.pool, social.inboxes, social.log, SystemClock())
    disorder = [events[20:40], events[:20], events[:], events[10:30], [events[-1]]]
    ahead = StreamEvent(events[-1].pos + 2, events[-1].data)
    for batch in (*disorder, [ahead]):
        with pytest.raises(CursorMoved):
            await projector.apply(batch)
        await social.made.tail._feed.apply([event for event in batch if event is not ahead])
    for batch in disorder:
        await fan_out.apply(batch)
    assert await projections(social) == before
    async with social.working():
        await feeds_are_the_oracles(social, village.people)


async def test_poison_is_put_aside_by_each_consumer_that_cannot_apply_it(social: Social) -> None:
    too_late = events_pb2.PostUnliked(author_id=1)
    too_late.liked_at.seconds = 10**15
    async with social.working():
        village = await community(social, 8)
        await village.acts(STEPS // 3)
        for kind, payload in (
            ("profile_updated", b"\xff\xff\xff"),
            ("never_heard_of", b""),
            ("post_unliked", too_late.SerializeToString()),
        ):
            await social.pool.execute(POISON, kind, 1, 1, payload)
            await village.acts(STEPS // 6)
        await feeds_are_the_oracles(social, village.people)
        buried = await dead_letters(social)
    kinds = {
        row["pos"]: row["kind"]
        for row in await social.pool.fetch(
            "SELECT p.pos, e.kind FROM event_positions p JOIN events e ON e.seq = p.event_seq AND e.aggregate_id = 1"
        )
    }
    assert {kinds[pos] for pos in buried["fan-out"]} == {"profile_updated", "never_heard_of"}
    assert {kinds[pos] for pos in buried["projector"]} == {"profile_updated", "never_heard_of", "post_unliked"}
    await every_position_is_listed(social)


async def every_position_is_listed(social: Social) -> None:
    """The log can be read over RPC past what is none of its events."""
    request, bearer = log_pb.ListEventsRequest(page_size=1000), social.service_bearer("analytics")
    answer = await social.stubs.log.ListEvents(request, metadata=bearer)
    assert [event.pos for event in answer.events] == list(range(1, answer.head_pos + 1))
    assert sum(event.WhichOneof("payload") is None for event in answer.events) == 2


async def test_a_replica_started_after_poison_fills_its_table_all_the_same(
    social: Social, social_database: str, redis_url: str
) -> None:
    async with social.working("relay", "fan_out"):
        village = await community(social, 9)
        await social.pool.execute(POISON, "profile_updated", 1, 1, b"\xff\xff\xff")
        await village.acts(STEPS // 3)
        async with running(social_database, redis_url) as other:
            await until(other.made.tail.is_caught_up)


async def test_poison_among_what_redis_has_lost_does_not_stop_the_fan_out(social: Social) -> None:
    author, fan = [await Person.signs_up(social) for _ in range(2)]
    async with social.working():
        await fan.follows(author)
        await social.settled()
        assert await fan.latest() == []
        kept = await social.redis.dump(f"inbox:{fan.user_id}")
        kept_pos = await social.settled()
        lost = (await author.posts("ضاع من ريدس")).post_id
        await social.pool.execute(POISON, "profile_updated", 1, 1, b"\xff\xff\xff")
        await social.settled()
        assert kept is not None
        # What a Redis does that restarts from an older snapshot.
        await social.redis.restore(f"inbox:{fan.user_id}", 0, kept, replace=True)
        await social.redis.set(FILLED_UP_TO, kept_pos)
        after = (await author.posts("بعدها")).post_id
        await social.settled()

        async def both() -> bool:
            return await fan.latest() == [after, lost]

        await until(both)
        assert {consumer: len(positions) for consumer, positions in (await dead_letters(social)).items()} == {
            "fan-out": 1,
            "projector": 1,
        }
