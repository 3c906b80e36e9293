"""The inbox protocol on a real Redis: whatever builds, pushes and forgettings meet, no complete inbox lacks a post."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence

import pytest

from services.chassis.ids import compose
from services.chassis.redis_client import RedisClient, create_redis
from services.social.adapters.redis_inbox import CAP, TRIM_ABOVE, RedisInboxes

READER = 77
START_MS = 1_780_000_000_000


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisClient]:
    client = create_redis(redis_url, timeout_s=2.0, client_name="inbox-test")
    yield client
    await client.aclose()


@pytest.fixture
def inboxes(redis: RedisClient) -> RedisInboxes:
    return RedisInboxes(redis)


def post_ids(count: int, *, first: int = 0) -> list[int]:
    """Ids in order of time, ten milliseconds apart."""
    return [compose(START_MS + 10 * n, 5, n % 4096) for n in range(first, first + count)]


async def build(inboxes: RedisInboxes, newest_first: Sequence[int]) -> None:
    nonce = await inboxes.begin(READER)
    assert nonce is not None
    assert await inboxes.finish(READER, nonce, newest_first)


async def read(inboxes: RedisInboxes) -> list[int] | None:
    entries = await inboxes.read(READER)
    return None if entries is None else [int(entry) for entry in entries]


async def test_nothing_is_pushed_into_an_inbox_that_is_not_there(inboxes: RedisInboxes, redis: RedisClient) -> None:
    await inboxes.push(1, [READER])
    assert await redis.exists(f"inbox:{READER}") == 0


async def test_a_half_built_inbox_is_nobodys(inboxes: RedisInboxes) -> None:
    first, second, late = post_ids(3)
    nonce = await inboxes.begin(READER)
    assert nonce is not None
    assert nonce < 0
    await inboxes.push(late, [READER])
    assert await read(inboxes) is None
    assert await inboxes.finish(READER, nonce, [second, first])
    assert await read(inboxes) == [late, second, first, 0]
    assert await inboxes.begin(READER) is None


async def test_a_build_that_was_forgotten_or_taken_over_does_not_finish(inboxes: RedisInboxes) -> None:
    first, second = post_ids(2)
    nonce = await inboxes.begin(READER)
    assert nonce is not None
    await inboxes.invalidate([READER])
    assert not await inboxes.finish(READER, nonce, [first])
    assert await read(inboxes) is None
    one = await inboxes.begin(READER)
    other = await inboxes.begin(READER)
    assert one is not None
    assert other is not None
    assert not await inboxes.finish(READER, one, [first])
    assert await inboxes.finish(READER, other, [second, first])
    assert await read(inboxes) == [second, first, 0]


async def test_an_empty_inbox_is_complete(inboxes: RedisInboxes) -> None:
    await build(inboxes, [])
    assert await read(inboxes) == [0]


async def test_a_full_inbox_says_that_it_was_cut(inboxes: RedisInboxes) -> None:
    ids = post_ids(CAP + 50)[::-1]
    await build(inboxes, ids)
    assert await read(inboxes) == ids[:CAP]
    # Below its bottom an inbox has nothing: what is older stays out.
    await inboxes.push(ids[CAP + 10], [READER])
    assert await read(inboxes) == ids[:CAP]


async def test_a_long_inbox_is_trimmed_to_its_newest(inboxes: RedisInboxes) -> None:
    ids = post_ids(TRIM_ABOVE)
    await build(inboxes, [])
    # With the bottom mark the inbox is one longer than the posts in it.
    await inboxes.push_many([(post_id, [READER]) for post_id in ids[:-1]])
    assert await read(inboxes) == [*ids[-2::-1], 0]
    await inboxes.push(ids[-1], [READER])
    assert await read(inboxes) == ids[: -CAP - 1 : -1]


async def test_trimming_never_cuts_what_is_newer_than_what_it_keeps(inboxes: RedisInboxes) -> None:
    ids = post_ids(TRIM_ABOVE + 1)
    # Two neighbours of the cut arrive in the other order.
    cut = TRIM_ABOVE - CAP
    ids[cut], ids[cut + 1] = ids[cut + 1], ids[cut]
    await build(inboxes, [])
    await inboxes.push_many([(post_id, [READER]) for post_id in ids])
    entries = await read(inboxes)
    assert entries is None or set(entries) >= {post_id for post_id in ids if post_id >= min(entries)}


async def test_many_readers_get_a_post_in_few_calls(inboxes: RedisInboxes) -> None:
    readers = list(range(1, 2501))
    for reader in readers[::2]:
        nonce = await inboxes.begin(reader)
        assert nonce is not None
        await inboxes.finish(reader, nonce, [])
    (post_id,) = post_ids(1)
    await inboxes.push(post_id, readers)
    for reader in readers:
        entries = await inboxes.read(reader)
        assert entries == ([b"%d" % post_id, b"0"] if reader % 2 else None)


class Store:
    """What Postgres would have: posts of followees, and what is still to be fanned out."""

    def __init__(self) -> None:
        self.committed: list[int] = []
        self.to_push: list[int] = []
        self.pushed: list[int] = []

    def newest(self) -> list[int]:
        return sorted(self.committed, reverse=True)[:CAP]


@pytest.mark.parametrize("seed", range(12))
async def test_no_complete_inbox_ever_lacks_a_post_that_was_fanned_out(inboxes: RedisInboxes, seed: int) -> None:
    """Random sequences of posting, pushing (also again), building in steps by several builders, and forgetting."""
    chance = random.Random(seed)
    store, builds, number = Store(), [], 0
    for _ in range(600):
        match chance.choices(["post", "push", "repeat", "begin", "finish", "forget"], [8, 8, 1, 2, 2, 0.3])[0]:
            case "post":
                burst = chance.choice([1, 1, 1, 40])
                ids = post_ids(burst, first=number)
                number += burst
                # Neighbours may commit in another order than they were numbered.
                chance.shuffle(ids)
                store.committed += ids
                store.to_push += ids
            case "push" if store.to_push:
                batch, store.to_push = store.to_push[:30], store.to_push[30:]
                await inboxes.push_many([(post_id, [READER]) for post_id in batch])
                store.pushed += batch
            case "repeat" if store.pushed:
                await inboxes.push_many([(post_id, [READER]) for post_id in store.pushed[-20:]])
            case "begin":
                nonce = await inboxes.begin(READER)
                if nonce is not None:
                    builds.append((nonce, store.newest()))
            case "finish" if builds:
                nonce, newest = builds.pop(chance.randrange(len(builds)))
                await inboxes.finish(READER, nonce, newest)
            case "forget":
                await inboxes.invalidate([READER])
        await assert_nothing_is_missing(inboxes, store)


async def assert_nothing_is_missing(inboxes: RedisInboxes, store: Store) -> None:
    entries = await read(inboxes)
    if entries is None:
        return
    ids = {entry for entry in entries if entry > 0}
    assert ids <= set(store.committed)
    floor = min(ids, default=0) if entries[-1] > 0 else 0
    assert {post_id for post_id in store.pushed if post_id >= floor} <= ids
    assert len(entries) <= TRIM_ABOVE + CAP
