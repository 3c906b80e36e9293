"""The projections equal a plain fold of what happened, however the projector is stopped, doubled or fed again."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter, defaultdict

import pytest

from daira.events.v1 import events_pb2
from services.chassis.cursors import CursorMoved
from services.social.adapters.postgres.graph import PostgresGraph
from services.social.adapters.postgres.posts import PostgresPosts
from services.social.adapters.postgres.reports import PostgresReports
from services.social.adapters.projector import CONSUMER, Projector
from services.social.application.records import IdempotentCall, NewPost
from tests.integration.social.person import Person
from tests.integration.social.server import Social

HALF_LIFE_S = 30 * 86_400.0


async def many_things_happen(social: Social, seed: int, steps: int = 250) -> None:
    """People post, like, follow, report and take things back, in several places at once."""
    chance = random.Random(seed)
    people = [(await Person.signs_up(social)).user_id for _ in range(9)]
    posts, graph = PostgresPosts(social.pool), PostgresGraph(social.pool, 100)
    reports = PostgresReports(social.pool, 100)
    made: list[tuple[int, int]] = []

    async def step(number: int) -> None:
        person = chance.choice(people)
        roll = chance.random()
        if roll < 0.2 or not made:
            call = IdempotentCall(f"{seed}-{number}", b"%032d" % number)
            post, _ = await posts.create(NewPost(person, f"post {number}", "en", 1), call)
            made.append((post.post_id, person))
            return
        post_id, author = chance.choice(made)
        if roll < 0.45:
            await posts.like(post_id, person)
        elif roll < 0.6:
            await posts.unlike(post_id, person)
        elif roll < 0.65 and person != author:
            await reports.report(post_id, person)
        elif roll < 0.67 and len(made) > 3:
            made.remove((post_id, author))
            await posts.delete(post_id, author)
        else:
            other = chance.choice([each for each in people if each != person])
            await (graph.unfollow if chance.random() < 0.4 else graph.follow)(person, other)

    for start in range(0, steps, 5):
        results = await asyncio.gather(*(step(n) for n in range(start, start + 5)), return_exceptions=True)
        # A post may be deleted by a neighbour of the same moment.
        assert all(getattr(r, "reason", "POST_NOT_FOUND") == "POST_NOT_FOUND" for r in results if r is not None)


async def assert_projections_are_right(social: Social) -> None:
    """Counters equal the rows; affinities equal the sum over the likes that stand."""
    fetch = social.pool.fetch

    async def counted_by(statement: str) -> Counter[int]:
        return Counter({row[0]: row[1] for row in await fetch(statement)})

    likes = await counted_by("SELECT post_id, count(*) FROM likes GROUP BY 1")
    reports = await counted_by("SELECT post_id, count(*) FROM reports GROUP BY 1")
    counted = {row[0]: (row[1], row[2]) for row in await fetch("SELECT post_id, likes, reports FROM post_counters")}
    assert {p: c for p, c in counted.items() if c != (0, 0)} == {
        p: (likes.get(p, 0), reports.get(p, 0)) for p in likes.keys() | reports.keys()
    }
    followers = await counted_by("SELECT followee_id, count(*) FROM follows GROUP BY 1")
    following = await counted_by("SELECT follower_id, count(*) FROM follows GROUP BY 1")
    posts = await counted_by("SELECT author_id, count(*) FROM posts WHERE deleted_at IS NULL GROUP BY 1")
    for row in await fetch("SELECT user_id, followers, following, posts FROM author_counters"):
        user = row["user_id"]
        assert tuple(row)[1:] == (followers.pop(user, 0), following.pop(user, 0), posts.pop(user, 0))
    assert (+followers, +following, +posts) == ({}, {}, {})
    await assert_affinities_are_right(social)


async def assert_affinities_are_right(social: Social) -> None:
    now = await social.pool.fetchval("SELECT now()")
    expected: defaultdict[tuple[int, int], float] = defaultdict(float)
    standing = "SELECT l.user_id, p.author_id, l.created_at FROM likes l JOIN posts p ON p.id = l.post_id"
    for viewer, author, liked_at in await social.pool.fetch(standing):
        expected[viewer, author] += math.exp2(-(now - liked_at).total_seconds() / HALF_LIFE_S)
    found = {}
    for viewer, author, weight, as_of in await social.pool.fetch("SELECT * FROM affinities"):
        found[viewer, author] = weight * math.exp2(-(now - as_of).total_seconds() / HALF_LIFE_S)
    for pair in expected.keys() | found.keys():
        assert found.get(pair, 0.0) == pytest.approx(expected.get(pair, 0.0), abs=1e-7)


@pytest.mark.parametrize("seed", [1, 2])
async def test_projections_equal_the_rows(social: Social, seed: int) -> None:
    async with social.working():
        await many_things_happen(social, seed)
        await social.settled()
    await assert_projections_are_right(social)


async def test_two_projectors_that_come_and_go_apply_each_event_once(social: Social) -> None:
    async with social.working("relay"):
        await many_things_happen(social, 3)
        for _ in range(4):
            async with social.working("projector"), social.working("projector"):
                await asyncio.sleep(0.05)
        async with social.working("projector"):
            await social.settled(CONSUMER)
    await assert_projections_are_right(social)


async def test_projections_built_anew_equal_those_that_grew(social: Social) -> None:
    async with social.working("relay", "projector"):
        await many_things_happen(social, 4)
        await social.settled(CONSUMER)
        tables = ("post_counters", "author_counters", "affinities")
        grown = [await social.pool.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]
    await social.pool.execute("TRUNCATE post_counters, author_counters, affinities")
    await social.pool.execute("UPDATE consumer_cursors SET pos = 0 WHERE consumer = $1", CONSUMER)
    async with social.working("relay", "projector"):
        await social.settled(CONSUMER)
    anew = [await social.pool.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]
    assert anew[:2] == grown[:2]
    for one, other in zip(anew[2], grown[2], strict=True):
        assert (one["viewer_id"], one["author_id"], one["as_of"]) == (*tuple(other)[:2], other["as_of"])
        assert one["weight"] == pytest.approx(other["weight"], abs=1e-9)


async def test_an_event_that_comes_again_changes_nothing(social: Social) -> None:
    async with social.working("relay", "projector"):
        await many_things_happen(social, 5, steps=60)
        head = await social.settled(CONSUMER)
    batch = await social.log.read(0, 1000)
    assert batch[-1].pos == head
    with pytest.raises(CursorMoved):
        await Projector(social.pool, 10).apply(batch)
    await assert_projections_are_right(social)


async def test_crossing_the_fan_in_border_both_ways_writes_an_event_each(social: Social) -> None:
    star, *fans = [await Person.signs_up(social) for _ in range(12)]
    async with social.working():
        for fan in fans:
            await fan.follows(star)
        await social.settled()
        row = await social.pool.fetchrow("SELECT followers, fan_in, merged FROM author_counters WHERE user_id = $1",
                                         star.user_id)  # fmt: skip
        assert row is not None
        assert tuple(row) == (11, True, True)
        # At nine tenths of the border nothing changes yet; below it does.
        for fan in fans[:2]:
            await fan.unfollows(star)
        await social.settled()
        assert await social.counts("author_fan_mode_changed") == 1
        await fans[2].unfollows(star)
        await social.settled()
        await social.settled()
    flips = await social.pool.fetch(
        "SELECT aggregate_id, payload FROM events WHERE kind = 'author_fan_mode_changed' ORDER BY seq"
    )
    assert [row["aggregate_id"] for row in flips] == [star.user_id] * 2
    told = [events_pb2.AuthorFanModeChanged.FromString(row["payload"]) for row in flips]
    # Follows that came in one batch are counted together.
    assert [(mode.fan_in, mode.followers in counted) for mode, counted in zip(told, [{10, 11}, {8}], strict=True)] == [
        (True, True),
        (False, True),
    ]
    row = await social.pool.fetchrow("SELECT fan_in, merged FROM author_counters WHERE user_id = $1", star.user_id)
    assert row is not None
    assert tuple(row) == (False, False)
