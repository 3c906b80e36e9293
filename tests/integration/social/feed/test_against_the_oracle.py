"""A random community by the write path: each feed of each person is what the oracle computes from the events."""

from __future__ import annotations

import random

import pytest

from daira.social.v1 import feed_service_pb2 as pb
from tests.integration.social.feed.reading import (
    MODES,
    everything_applied,
    nobody_remembers_what_they_saw,
    page,
    recorded_state,
    whole,
)
from tests.integration.social.person import Person
from tests.integration.social.server import Social, running, until
from tests.oracles import feed as oracle

PEOPLE = 14
STEPS = 300
PAGE = 7
BODIES = ("صباح الخير يا جماعة", "حد جرب المكان ده؟", "https://example.com/daira شوفوا ده", "good morning")


class Community:
    """People who do things at random, by a seed."""

    def __init__(self, people: list[Person], seed: int) -> None:
        self.people = people
        self.chance = random.Random(seed)
        self.written: list[tuple[Person, int]] = []

    async def acts(self, steps: int) -> None:
        """So many things happen, one after the other."""
        for _ in range(steps):
            who = self.chance.choice(self.people)
            action = self.chance.choices(
                (
                    self.post,
                    self.follow,
                    self.unfollow,
                    self.like,
                    self.unlike,
                    self.report,
                    self.delete,
                    self.repost,
                    self.undo_repost,
                    self.see,
                ),
                (30, 25, 4, 30, 5, 4, 4, 12, 3, 12),
            )[0]
            await action(who)

    async def post(self, who: Person) -> None:
        post = await who.posts(f"{self.chance.choice(BODIES)} {len(self.written)}؟")
        self.written.append((who, post.post_id))

    async def follow(self, who: Person) -> None:
        await who.follows(self.somebody_else(who))

    async def unfollow(self, who: Person) -> None:
        await who.unfollows(self.somebody_else(who))

    async def like(self, who: Person) -> None:
        if self.written:
            await who.likes(self.chance.choice(self.written)[1])

    async def unlike(self, who: Person) -> None:
        if self.written:
            await who.unlikes(self.chance.choice(self.written)[1])

    async def repost(self, who: Person) -> None:
        if self.written:
            await who.reposts(self.chance.choice(self.written)[1])

    async def undo_repost(self, who: Person) -> None:
        if self.written:
            await who.undoes_repost(self.chance.choice(self.written)[1])

    async def see(self, who: Person) -> None:
        if self.written:
            seen = {post_id for _, post_id in self.chance.choices(self.written, k=5)}
            await who.saw(*seen, opened=self.chance.sample(sorted(seen), len(seen) // 2))

    async def report(self, who: Person) -> None:
        others = [post_id for author, post_id in self.written if author is not who]
        if others:
            await who.reports(self.chance.choice(others))

    async def delete(self, who: Person) -> None:
        own = [entry for entry in self.written if entry[0] is who]
        if own:
            entry = self.chance.choice(own)
            self.written.remove(entry)
            await who.deletes(entry[1])

    def somebody_else(self, who: Person) -> Person:
        return self.chance.choice([person for person in self.people if person is not who])


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_feed_is_the_oracles(social: Social, social_database: str, seed: int) -> None:
    people = [await Person.signs_up(social) for _ in range(PEOPLE)]
    community = Community(people, seed)
    async with social.working():
        # Everybody follows the first two: they cross the border of fan-in while the others go on.
        for person in people[2:]:
            await person.follows(people[0])
            await person.follows(people[1])
        await community.acts(STEPS // 2)
        for person in people[::2]:
            await page(person, pb.FEED_MODE_LATEST, PAGE)
        await community.acts(STEPS // 2)
        await everything_applied(social)
        await nobody_remembers_what_they_saw(social)
        state = await recorded_state(social_database)
        assert await social.pool.fetchval("SELECT count(*) FROM author_counters WHERE fan_in") >= 1
        for person in people:
            for mode, name in MODES.items():
                ids, now_ms, degraded = await whole(person, mode, PAGE)
                assert ids == oracle.home_feed(state, person.user_id, now_ms, name), (name, person.user_id)
                assert not degraded
            await shows_why(person, state)


async def shows_why(person: Person, state: oracle.State) -> None:
    """Terms, counts, who passed what on, and the viewer's own marks are those of the events."""
    answer = await page(person, pb.FEED_MODE_RANKED, 50)
    now_ms = answer.ranked_at.ToMilliseconds()
    counts = oracle.tally(state)
    authors = [person.user_id, *(other for follower, other in state.follows if follower == person.user_id)]
    hot = oracle.window(state, person.user_id, oracle.sources(state, [], authors))
    ranked = {post.post_id: post for post in oracle.page(state, person.user_id, now_ms, hot).ranked}
    reposted = {
        post.original_id
        for post in state.posts.values()
        if post.author_id == person.user_id and post.post_id not in state.deleted
    }
    for item in answer.items:
        shown_as = item.repost_id or item.post.post_id
        expected = ranked[shown_as]
        assert item.reposted_by.user_id == (state.posts[item.repost_id].author_id if item.repost_id else 0)
        assert item.post.reposts_count == counts.reposts[item.post.post_id]
        assert item.post.viewer_reposted == (item.post.post_id in reposted)
        assert item.ranking.score == pytest.approx(expected.score / 1e11)
        assert item.ranking.affinity == pytest.approx(expected.affinity / 1e9)
        assert item.ranking.negative == pytest.approx(expected.negative / 1e9)
        assert item.post.likes_count == counts.likes[item.post.post_id]
        assert item.post.viewer_likes == ((item.post.post_id, person.user_id) in state.likes)
        assert item.post.author.user_id == state.posts[item.post.post_id].author_id
        if state.posts[shown_as].author_id == person.user_id:
            assert item.source == pb.FEED_SOURCE_OWN
        else:
            assert item.source in (pb.FEED_SOURCE_INBOX, pb.FEED_SOURCE_AUTHOR)


async def test_a_new_replica_fills_its_table_with_what_the_old_one_tailed(
    social: Social, social_database: str, redis_url: str
) -> None:
    people = [await Person.signs_up(social) for _ in range(6)]
    async with social.working():
        await Community(people, 3).acts(120)
        await everything_applied(social)
        async with running(social_database, redis_url) as other:
            await until(other.made.tail.is_caught_up)
            for person in people:
                same = Person(other, person.user_id)
                same.metadata = other.signer.bearer(person.user_id)
                there, _, _ = await whole(same, pb.FEED_MODE_LATEST, 50)
                here, _, _ = await whole(person, pb.FEED_MODE_LATEST, 50)
                assert there == here
            assert other.made.tail.checksum() == social.made.tail.checksum()
