"""New posts reach the feeds of followers, whatever repeats, crosses a border, or goes away meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dev.stores.redis_server import EmbeddedRedis
from services.chassis.clock import SystemClock
from services.social.adapters.fan_out import LATE_MS, FanOut
from services.social.adapters.redis_inbox import FILLED_UP_TO
from tests.fakes.clock import FixedClock
from tests.integration.social.person import Person
from tests.integration.social.server import Social, running, until


async def sees(reader: Person, expected: list[int]) -> None:
    """The reader's newest come to be these, newest first."""

    async def there() -> bool:
        return await reader.latest() == expected

    try:
        await until(there, 15)
    except TimeoutError:
        assert await reader.latest() == expected


async def inbox(social: Social, person: Person) -> list[int] | None:
    entries = await social.inboxes.read(person.user_id)
    return None if entries is None else [int(entry) for entry in entries]


async def test_a_post_reaches_the_inboxes_of_followers_and_no_others(social: Social) -> None:
    author, fan, stranger = [await Person.signs_up(social) for _ in range(3)]
    async with social.working():
        await fan.follows(author)
        await social.settled()
        assert await fan.latest() == await stranger.latest() == []
        assert await inbox(social, fan) == [0]
        post_id = (await author.posts("سلام")).post_id
        await social.settled()
        assert await inbox(social, fan) == [post_id, 0]
        assert await inbox(social, stranger) == [0]
        await sees(fan, [post_id])
        await sees(author, [post_id])
        assert await stranger.latest() == []


async def test_following_shows_and_unfollowing_hides_at_once(social: Social) -> None:
    author, fan = [await Person.signs_up(social) for _ in range(2)]
    async with social.working():
        post_id = (await author.posts("قديم")).post_id
        await social.settled()
        assert await fan.latest() == []
        await fan.follows(author)
        assert await fan.latest() == [post_id]
        await fan.unfollows(author)
        assert await fan.latest() == []


async def test_a_batch_that_comes_again_shows_nothing_twice(social: Social) -> None:
    author, fan = [await Person.signs_up(social) for _ in range(2)]
    async with social.working():
        await fan.follows(author)
        await social.settled()
        await fan.latest()
        posts = [(await author.posts(f"post {n}")).post_id for n in range(5)]
        await social.settled()
        batch = await social.log.read(0, 1000)
        again = FanOut(social.pool, social.inboxes, social.log, SystemClock())
        await again.apply(batch)
        await again.apply(batch[3:])
        await sees(fan, posts[::-1])


async def test_a_late_post_takes_its_place_by_rebuilding(social: Social) -> None:
    author, fan = [await Person.signs_up(social) for _ in range(2)]
    async with social.working():
        await fan.follows(author)
        post_id = (await author.posts("now")).post_id
        await social.settled()
        await fan.latest()
        event = (await social.log.read(0, 1000))[-1]
        later = FixedClock(SystemClock().now_ms() + LATE_MS + 60_000)
        await FanOut(social.pool, social.inboxes, social.log, later).apply([event])
        assert await inbox(social, fan) is None
        await sees(fan, [post_id])
        assert await inbox(social, fan) == [post_id, 0]


async def test_no_post_is_lost_or_doubled_while_its_author_crosses_the_border(social: Social) -> None:
    author, reader, *fans = [await Person.signs_up(social) for _ in range(14)]
    posted: list[int] = []
    seen: list[set[int]] = []
    done = asyncio.Event()

    async def post_steadily() -> None:
        # No more than a page holds: what slides off it would look lost.
        while not done.is_set() and len(posted) < 90:
            posted.append((await author.posts(f"post {len(posted)}")).post_id)
            await asyncio.sleep(0.02)

    async def read_steadily() -> None:
        before: set[int] = set()
        while not done.is_set():
            feed = await reader.latest()
            assert len(feed) == len(set(feed)), "a post twice in one feed"

            assert before <= set(feed), "a post that was there is gone"
            before = set(feed)
            seen.append(before)
            await asyncio.sleep(0.005)

    async with social.working():
        await reader.follows(author)
        await social.settled()
        tasks = [asyncio.create_task(post_steadily()), asyncio.create_task(read_steadily())]
        for _ in range(2):
            for fan in fans:
                await fan.follows(author)
            await asyncio.sleep(0.3)
            for fan in fans:
                await fan.unfollows(author)
            await asyncio.sleep(0.3)
            if len(posted) > 60:
                break
        done.set()
        await asyncio.gather(*tasks)
        await social.settled()
        assert await social.counts("author_fan_mode_changed") >= 2
        await sees(reader, sorted(posted, reverse=True)[:100])
    assert seen


async def test_fan_in_authors_are_merged_at_read(social: Social) -> None:
    star, *fans = [await Person.signs_up(social) for _ in range(12)]
    async with social.working():
        for fan in fans:
            await fan.follows(star)
        await social.settled()
        assert await fans[0].latest() == []
        post_id = (await star.posts("إلى الجميع")).post_id
        await social.settled()
        assert await inbox(social, fans[0]) == [0]
        for fan in fans:
            await sees(fan, [post_id])


async def test_redis_that_comes_back_empty_loses_nobody_a_post(
    migrated_database: Callable[[str], str], killable_redis: EmbeddedRedis
) -> None:
    async with running(migrated_database("social"), killable_redis.url) as social:
        author, fan = [await Person.signs_up(social) for _ in range(2)]
        async with social.working():
            await fan.follows(author)
            first = (await author.posts("before")).post_id
            await social.settled()
            await sees(fan, [first])
            killable_redis.kill()
            # Writes go on, and feeds are made from the store of record.
            second = (await author.posts("without Redis")).post_id
            assert await fan.latest() == [second, first]
            await asyncio.to_thread(killable_redis.start)
            third = (await author.posts("after")).post_id
            await social.settled()
            await sees(fan, [third, second, first])
            fourth = (await author.posts("pushed again")).post_id
            await social.settled()
            assert await inbox(social, fan) == [fourth, third, second, first, 0]


async def test_redis_that_comes_back_older_is_filled_up(social: Social) -> None:
    author, fan = [await Person.signs_up(social) for _ in range(2)]
    async with social.working():
        await fan.follows(author)
        await social.settled()
        assert await fan.latest() == []
        first = (await author.posts("kept")).post_id
        kept_pos = await social.settled()
        before = await social.redis.dump(f"inbox:{fan.user_id}")
        assert before is not None
        second = (await author.posts("lost by Redis")).post_id
        await social.settled()
        # What a Redis does that restarts from an older snapshot.
        await social.redis.restore(f"inbox:{fan.user_id}", 0, before, replace=True)
        await social.redis.set(FILLED_UP_TO, kept_pos)

        async def filled() -> bool:
            return await inbox(social, fan) == [second, first, 0]

        await until(filled)
