"""The inbox protocol on a real Redis, step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from services.chassis.ids import compose
from services.chassis.redis_client import RedisClient, create_redis
from services.social.adapters.redis_inbox import CAP, TRIM_ABOVE, Pushed, RedisInboxes
from services.social.domain.inbox import floor_of

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


async def floor(inboxes: RedisInboxes) -> int:
    return floor_of(await inboxes.read(READER) or ())


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


async def test_a_full_inbox_says_what_was_left_out(inboxes: RedisInboxes) -> None:
    ids = post_ids(CAP + 50)[::-1]
    await build(inboxes, ids)
    assert await read(inboxes) == ids[: CAP + 1]
    assert await floor(inboxes) == ids[CAP] + 1
    # What is older may come, and is below the floor.
    await inboxes.push(ids[CAP + 10], [READER])
    assert await floor(inboxes) == ids[CAP] + 1


async def test_as_many_posts_as_an_inbox_keeps_leave_nothing_out(inboxes: RedisInboxes) -> None:
    ids = post_ids(CAP)[::-1]
    await build(inboxes, ids)
    assert await read(inboxes) == [*ids, 0]
    assert await floor(inboxes) == 0


async def test_a_long_inbox_is_trimmed_to_its_newest(inboxes: RedisInboxes) -> None:
    ids = post_ids(TRIM_ABOVE)
    await build(inboxes, [])
    # With the bottom mark the inbox is one longer than the posts in it.
    await inboxes.push_many([(post_id, [READER]) for post_id in ids[:-1]])
    assert await read(inboxes) == [*ids[-2::-1], 0]
    await inboxes.push(ids[-1], [READER])
    # It is cut along with the next push, whoever that is for.
    await inboxes.push(ids[-1], [READER + 1])
    assert await read(inboxes) == ids[: -CAP - 2 : -1]
    assert await floor(inboxes) == ids[-CAP - 1] + 1


async def test_what_is_cut_sets_the_floor_whatever_order_it_came_in(inboxes: RedisInboxes) -> None:
    ids = post_ids(TRIM_ABOVE + 1)
    newest = ids.pop()
    ids.insert(5, newest)
    await build(inboxes, [])
    await inboxes.push_many([(post_id, [READER]) for post_id in ids])
    await inboxes.push(ids[-1], [READER])
    assert await floor(inboxes) == newest + 1


async def test_a_half_built_inbox_that_grows_too_long_is_given_up(inboxes: RedisInboxes) -> None:
    nonce = await inboxes.begin(READER)
    assert nonce is not None
    ids = post_ids(TRIM_ABOVE + 2)
    await inboxes.push_many([(post_id, [READER]) for post_id in ids])
    await inboxes.push(ids[-1], [READER])
    assert await inboxes.begin(READER) is not None
    assert not await inboxes.finish(READER, nonce, [])


async def test_trimming_works_after_redis_has_forgotten_its_scripts(inboxes: RedisInboxes, redis: RedisClient) -> None:
    await build(inboxes, [])
    for first in (0, TRIM_ABOVE):
        await redis.script_flush()
        ids = post_ids(TRIM_ABOVE, first=first)
        # The first that finds the script missing loads it; the next push to the inbox has it cut.
        for start in range(0, TRIM_ABOVE, 100):
            await inboxes.push_many([(post_id, [READER]) for post_id in ids[start : start + 100]])
        for post_id in post_ids(3, first=first + TRIM_ABOVE):
            await inboxes.push(post_id, [READER])
        assert len(await read(inboxes) or ()) <= CAP + 1 + 3


async def test_what_is_no_inbox_is_cleared_away_and_holds_nobody_up(inboxes: RedisInboxes, redis: RedisClient) -> None:
    first, second = post_ids(2)
    await build(inboxes, [first])
    await redis.set(f"inbox:{READER + 1}", "not a list")
    assert await inboxes.push(second, [READER + 1, READER]) == Pushed(taken=1)
    assert await read(inboxes) == [second, first, 0]
    assert await redis.exists(f"inbox:{READER + 1}") == 0


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
