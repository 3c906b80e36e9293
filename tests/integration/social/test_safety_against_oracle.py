"""People who block, mute and go private at random, all at once: their feeds are the oracle's, on every replica."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import grpc
import pytest

from tests.integration.social.community import MODES, Community, caught_up, history, scroll
from tests.integration.social.person import Person
from tests.integration.social.server import Social, running
from tests.integration.social.test_feeds_against_oracle import assert_is_the_oracles

pytestmark = pytest.mark.stores
# What the others' acts may make of one's own, when all act at once.
EXPECTED = (
    "blocks the other", "no such post", "follow request not found", "profile not found", "is not passed on",
)  # fmt: skip

ACROSS_A_BLOCK = """
SELECT count(*) FROM {table} x JOIN blocks b
ON (x.follower_id, x.followee_id) IN ((b.blocker_id, b.blocked_id), (b.blocked_id, b.blocker_id))
"""
WAITING_FOR_NOBODY = """
SELECT count(*) FROM follow_requests r JOIN profiles p ON p.user_id = r.followee_id WHERE NOT p.is_private
"""


@dataclass
class Wary(Community):
    """A community that also keeps people away."""

    refusals: set[str] = field(default_factory=set)

    async def _act(self) -> None:
        try:
            if self.chance.random() < 0.35:
                await self._keep_away()
            else:
                await super()._act()
        except grpc.aio.AioRpcError as error:
            found = [reason for reason in EXPECTED if reason in (error.details() or "")]
            if not found:
                raise
            self.refusals.update(found)

    async def _keep_away(self) -> None:
        person, other = self.chance.sample(self.people, 2)
        match self.chance.choice(("block", "unblock", "mute", "unmute", "private", "public", "answer", "remove")):
            case "block":
                await person.blocks(other)
            case "unblock":
                await person.unblocks(other)
            case "mute":
                await person.mutes(other)
            case "unmute":
                await person.unmutes(other)
            case "private":
                await person.goes(private=True)
            case "public":
                await person.goes(private=False)
            case "remove":
                await person.sends_away(other)
            case _:
                await person.answers(other, accept=self.chance.random() < 0.7)


async def test_feeds_of_wary_people_are_the_oracles_on_every_replica(social: Social, redis_url: str) -> None:
    community = Wary(social, random.Random(7))
    await community.settle_in(12)
    async with social.working():
        await community.live(500)
        await caught_up(social)
        state = await history(social)
        async with running(social.settings.worker.database_url, redis_url, social.signer) as other:
            await caught_up(other)
            # One table followed the events, the other was filled from the store of record.
            assert other.made.tail._feed.checksum() == social.made.tail._feed.checksum()
            for person in community.people:
                for mode in MODES:
                    for reader in (person, Person(other, person.user_id)):
                        assert_is_the_oracles(await scroll(reader, mode), state, person, mode)
    assert community.refusals >= {"blocks the other", "follow request not found"}
    assert state.blocks
    assert state.mutes
    assert state.private
    follows = await social.pool.fetch("SELECT follower_id, followee_id FROM follows")
    assert {tuple(pair) for pair in follows} == state.follows
    for table in ("follows", "follow_requests"):
        assert await social.pool.fetchval(ACROSS_A_BLOCK.format(table=table)) == 0
    assert await social.pool.fetchval(WAITING_FOR_NOBODY) == 0
