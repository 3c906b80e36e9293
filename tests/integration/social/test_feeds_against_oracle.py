"""A community that acts all at once: its feeds are the oracle's, on any replica, and sound while it goes on."""

from __future__ import annotations

import asyncio
import random

import pytest

from daira.social.v1 import feed_service_pb2 as pb
from tests.integration.social.community import MODES, Community, Scroll, caught_up, history, page, scroll
from tests.integration.social.person import Person
from tests.integration.social.server import Social, running
from tests.oracles import feed as oracle

pytestmark = pytest.mark.stores

TOLERANCE = 1e-8


def assert_is_the_oracles(served: Scroll, state: oracle.State, person: Person, mode: str) -> None:
    expected = oracle.home_feed(state, person.user_id, served.ranked_at_ms, "ranked" if mode == "ranked" else "latest")
    assert served.ids == expected, (mode, person.handle)
    if mode == "ranked":
        counts = oracle.tally(state)
        shown_as = [state.posts[item.repost_id or item.post.post_id] for item in served.items]
        candidates = [oracle.candidate(counts, person.user_id, post, oracle.Settings()) for post in shown_as]
        for item, why in zip(served.items, oracle.rank(candidates, served.ranked_at_ms), strict=True):
            assert item.HasField("ranking")
            assert item.ranking.score == pytest.approx(why.score / 1e11, abs=TOLERANCE)
            assert item.ranking.diversity == pytest.approx(why.diversity / 1e9, abs=TOLERANCE)
    for item in served.items:
        likes = sum(1 for post_id, _ in state.likes if post_id == item.post.post_id)
        assert item.post.likes_count == likes
        assert item.post.viewer_likes == ((item.post.post_id, person.user_id) in state.likes)
        assert item.post.author.user_id == state.posts[item.post.post_id].author_id
        assert item.post.body
        if (item.reposted_by.user_id or item.post.author.user_id) == person.user_id:
            assert item.source == pb.FEED_SOURCE_OWN


async def test_every_feed_is_the_oracles_after_people_raced(social: Social) -> None:
    community = Community(social, random.Random(1))
    await community.settle_in(13)
    async with social.working():
        # So many follow the first that they cross the border, and cross it again as some leave.
        await asyncio.gather(*(person.follows(community.people[0]) for person in community.people[1:]))
        await community.live(300)
        await caught_up(social)
        state = await history(social)
        for person in community.people:
            for mode in MODES:
                served = await scroll(person, mode, size=community.chance.choice((3, 7, 20, 100)))
                assert not served.is_degraded
                assert_is_the_oracles(served, state, person, mode)
    flips = await social.counts("author_fan_mode_changed")
    assert flips > 0, "nobody crossed the border"


async def test_pages_of_one_scroll_are_answered_by_any_replica(social: Social, redis_url: str) -> None:
    author, reader = [await Person.signs_up(social) for _ in range(2)]
    await reader.follows(author)
    ids = [(await author.posts(f"p {n}")).post_id for n in range(30)]
    async with social.working():
        await caught_up(social)
        first = await page(reader, "ranked", size=10)
        async with running(social.settings.worker.database_url, redis_url) as second:
            await caught_up(second)
            moved = Person(second, reader.user_id)
            moved.metadata = second.signer.bearer(reader.user_id)
            rest = await page(moved, "ranked", size=100, token=first.next_page_token)
    shown = [item.post.post_id for item in [*first.items, *rest.items]]
    assert sorted(shown) == sorted(ids)
    assert not rest.degraded


async def test_reading_while_the_community_lives_never_shows_a_post_twice(social: Social) -> None:
    community = Community(social, random.Random(4))
    await community.settle_in(14)
    done = asyncio.Event()

    async def read(person: Person) -> int:
        count = 0
        while not done.is_set():
            for mode in MODES:
                served = await scroll(person, mode, size=5)
                assert len(set(served.ids)) == len(served.ids), mode
                assert not served.is_degraded
                if mode == "latest":
                    places = [item.repost_id or item.post.post_id for item in served.items]
                    assert places == sorted(places, reverse=True)
                count += 1
        return count

    async with social.working():
        readers = [asyncio.create_task(read(person)) for person in community.people[:3]]
        try:
            await community.live(200)
        finally:
            done.set()
        assert min(await asyncio.gather(*readers)) > 0
