"""Read-your-own-writes on another replica: nothing but the write and the next read, with no worker running."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from daira.social.v1 import feed_service_pb2 as pb
from daira.social.v1 import safety_service_pb2 as safety_pb
from tests.integration.social.feed.reading import everything_applied, ids_of, page
from tests.integration.social.person import Person
from tests.integration.social.server import Signer, Social, running

pytestmark = pytest.mark.stores
LATEST = pb.FEED_MODE_LATEST


@pytest.fixture
async def replicas(social_database: str, redis_url: str) -> AsyncIterator[tuple[Social, Social]]:
    """Two replicas on the same stores."""
    # The same key signs for both, so a person can ask either.
    signer = Signer()
    async with (
        running(social_database, redis_url, signer) as here,
        running(social_database, redis_url, signer) as there,
    ):
        yield here, there


class Pair:
    """One person as both replicas know them: writes go here, reads there."""

    def __init__(self, here: Person, there: Person) -> None:
        self.writes = here
        self.reads = there

    @classmethod
    async def signs_up(cls, here: Social, there: Social) -> Pair:
        person = await Person.signs_up(here)
        elsewhere = Person(there, person.user_id)
        return cls(person, elsewhere)


@contextlib.asynccontextmanager
async def community(here: Social, there: Social) -> AsyncIterator[tuple[Pair, Pair, int]]:
    """A reader, somebody followed, and a post of theirs that both replicas know; the workers rest inside."""
    reader, author = await Pair.signs_up(here, there), await Pair.signs_up(here, there)
    async with here.working():
        await reader.writes.follows(author.writes)
        post = await author.writes.posts("صباح الفل")
        await everything_applied(here)
        await everything_applied(there)
        assert ids_of(await page(reader.reads, LATEST, 10)) == [post.post_id]
    yield reader, author, post.post_id


async def test_ones_own_post_and_its_end(replicas: tuple[Social, Social]) -> None:
    async with community(*replicas) as (reader, _, _):
        for mode in (LATEST, pb.FEED_MODE_RANKED):
            post = await reader.writes.posts("أول بوست ليا")
            assert post.post_id in ids_of(await page(reader.reads, mode, 10))
            await reader.writes.deletes(post.post_id)
            assert post.post_id not in ids_of(await page(reader.reads, mode, 10))


async def test_a_like_and_its_end(replicas: tuple[Social, Social]) -> None:
    async with community(*replicas) as (reader, _, post_id):
        await reader.writes.likes(post_id)
        assert (await page(reader.reads, LATEST, 10)).items[0].post.viewer_likes
        await reader.writes.unlikes(post_id)
        assert not (await page(reader.reads, LATEST, 10)).items[0].post.viewer_likes


async def test_a_follow_and_its_end(replicas: tuple[Social, Social]) -> None:
    here, there = replicas
    async with community(here, there) as (reader, author, post_id):
        await reader.writes.unfollows(author.writes)
        assert ids_of(await page(reader.reads, LATEST, 10)) == []
        await reader.writes.follows(author.writes)
        assert ids_of(await page(reader.reads, LATEST, 10)) == [post_id]


async def test_a_repost_and_its_end(replicas: tuple[Social, Social]) -> None:
    async with community(*replicas) as (reader, author, post_id):
        await reader.writes.unfollows(author.writes)
        await reader.writes.reposts(post_id)
        (item,) = (await page(reader.reads, LATEST, 10)).items
        assert (item.post.post_id, item.reposted_by.user_id) == (post_id, reader.reads.user_id)
        assert item.post.viewer_reposted
        await reader.writes.undoes_repost(post_id)
        assert ids_of(await page(reader.reads, LATEST, 10)) == []
        await reader.writes.follows(author.writes)
        (item,) = (await page(reader.reads, LATEST, 10)).items
        assert (item.post.viewer_reposted, item.repost_id) == (False, 0)


async def test_what_was_seen(replicas: tuple[Social, Social]) -> None:
    async with community(*replicas) as (reader, _, post_id):
        assert not (await page(reader.reads, pb.FEED_MODE_RANKED, 10)).items[0].seen_before
        await reader.writes.saw(post_id)
        assert (await page(reader.reads, pb.FEED_MODE_RANKED, 10)).items[0].seen_before


async def test_a_report(replicas: tuple[Social, Social]) -> None:
    async with community(*replicas) as (reader, _, post_id):
        await reader.writes.reports(post_id)
        assert ids_of(await page(reader.reads, LATEST, 10)) == []


async def test_a_mute_a_block_and_muted_words(replicas: tuple[Social, Social]) -> None:
    here, there = replicas
    async with community(here, there) as (reader, author, post_id):
        safety, metadata = here.stubs.safety, reader.writes.metadata
        mute = safety_pb.MuteRequest(user_id=author.writes.user_id, idempotency_key="m")
        await safety.Mute(mute, metadata=metadata)
        assert ids_of(await page(reader.reads, LATEST, 10)) == []
        unmute = safety_pb.UnmuteRequest(user_id=author.writes.user_id, idempotency_key="u")
        await safety.Unmute(unmute, metadata=metadata)
        assert ids_of(await page(reader.reads, LATEST, 10)) == [post_id]
        words = safety_pb.SetMutedWordsRequest(words=["صَبَاح"], idempotency_key="w")
        await safety.SetMutedWords(words, metadata=metadata)
        assert ids_of(await page(reader.reads, LATEST, 10)) == []
        await safety.SetMutedWords(safety_pb.SetMutedWordsRequest(idempotency_key="x"), metadata=metadata)
        assert ids_of(await page(reader.reads, LATEST, 10)) == [post_id]
        block = safety_pb.BlockRequest(user_id=author.writes.user_id, idempotency_key="b")
        await safety.Block(block, metadata=metadata)
        assert ids_of(await page(reader.reads, LATEST, 10)) == []
