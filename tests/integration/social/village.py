"""Two authors and their fans on parts that move only when a test says so: replicas, fan-outs, a projector."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.chassis.clock import SystemClock
from services.chassis.cursors import PostgresCursorStore
from services.chassis.metrics import Metrics
from services.chassis.relay import Relay
from services.social.adapters.event_codec import STREAM, encode
from services.social.adapters.fan_out import CONSUMER, FanOut
from services.social.adapters.projector import CONSUMER as PROJECTOR
from services.social.adapters.projector import Projector
from services.social.adapters.redis_inbox import FILLED_UP_TO, JOBS, RedisInboxes
from tests.e2e.history import in_terms_of_the_oracle
from tests.integration.social.person import Person
from tests.integration.social.server import Social, running
from tests.oracles import feed as oracle
from tests.stores import outlast_neighbours

FANS = 5
# In at four followers, out below 3.6; more than two are a job, two by two. Three fans follow the first author
# throughout, unless an act says otherwise.
THRESHOLD, BIG, STEADY = 4, 2, 3

Act = tuple[Any, ...]

EVENTS_SINCE = """
SELECT p.pos, e.kind, e.aggregate_id, e.actor_id, e.payload, e.occurred_at
FROM event_positions p JOIN events e ON e.seq = p.event_seq AND e.occurred_at = p.event_occurred_at
WHERE p.pos > $1 ORDER BY p.pos
"""


class Died(BaseException):
    """The process is gone, between two of its calls to a store."""


class Mortal:
    """A store's client whose user dies right before or right after one of the calls."""

    def __init__(self, inner: Any, calls_left: list[int]) -> None:
        self._inner = inner
        self._calls_left = calls_left

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if not asyncio.iscoroutinefunction(method):
            return method

        async def call(*args: Any) -> Any:
            self._step()
            answer = await method(*args)
            self._step()
            return answer

        return call

    def _step(self) -> None:
        self._calls_left[0] -= 1
        if self._calls_left[0] == 0:
            raise Died


@dataclass
class FanOutProcess:
    """A fan-out and where it stands."""

    social: Social
    handler: FanOut
    position: int = 0

    @classmethod
    async def started(cls, social: Social, mortality: list[int] | None = None) -> FanOutProcess:
        pool: Any = social.pool
        inboxes: Any = RedisInboxes(social.redis)
        if mortality is not None:
            pool, inboxes = Mortal(pool, mortality), Mortal(inboxes, mortality)
        handler = FanOut(pool, inboxes, social.log, SystemClock(), big=BIG)
        return cls(social, handler, await PostgresCursorStore(social.pool, CONSUMER).load())

    async def goes_on(self, count: int) -> None:
        """Apply the next few events and save the cursor."""
        batch = await self.social.log.read(self.position, count)
        if batch:
            await self.handler.apply(batch)
            self.position = batch[-1].pos
            await PostgresCursorStore(self.social.pool, CONSUMER).save(self.position)


@dataclass
class Village:
    """Two authors and their fans; two replicas, two fan-outs and a projector that move when the test says so."""

    replicas: list[Social]
    fan_outs: list[FanOutProcess]
    relay: Relay
    projector: Projector
    authors: list[Person] = field(default_factory=list)
    fans: list[Person] = field(default_factory=list)
    posts: list[tuple[int, Person]] = field(default_factory=list)
    saved: dict[bytes, bytes] | None = None
    begun_at: int = 0
    reads: int = 0

    async def live(self, acts: Sequence[Act]) -> None:
        """People who have never met do all this."""
        await self.begins()
        for act in acts:
            await self.act(act)
        await self.ends()

    async def begins(self) -> None:
        """New people, and everybody has caught up."""
        first = self.replicas[0]
        await first.pool.execute("DELETE FROM fan_out_jobs")
        await first.redis.flushdb()
        self.authors = [await Person.signs_up(first) for _ in range(2)]
        self.fans = [await Person.signs_up(first) for _ in range(FANS)]
        self.posts, self.saved, self.reads = [], None, 0
        await self._stamp()
        self.begun_at = await first.pool.fetchval("SELECT max(pos) FROM event_positions")
        await self._project(10_000)
        for fan_out in self.fan_outs:
            await fan_out.goes_on(10_000)
        for number in range(len(self.replicas)):
            await self._replicate(number, 10_000)
        # The second author is one for the lane of few; the first is one follower below the border.
        await self._follow(0, 0, author=1)
        for fan in range(STEADY):
            await self._follow(fan, 0)
        for reader in self.fans:
            await Person(self.replicas[0], reader.user_id).latest()

    async def act(self, act: Act) -> None:
        """What the act's name says."""
        await getattr(self, f"_{act[0]}")(*act[1:])
        await self._stamp()
        self.reads += 1
        await self._read(self.reads % STEADY, self.reads % len(self.replicas))

    async def ends(self) -> None:
        """Once everybody has caught up, feeds are exactly the oracle's."""
        for _ in range(3):
            await self._project(10_000)
            await self._stamp()
        await self.fan_outs[0].goes_on(10_000)
        while await self.fan_outs[0].handler.jobs.turn():
            pass
        for number in range(len(self.replicas)):
            await self._replicate(number, 10_000)
        history = await self._history()
        for fan in self.fans:
            for replica in self.replicas:
                assert await Person(replica, fan.user_id).latest() == feed_at(history, fan)

    async def _post(self, author: int) -> None:
        person = self.authors[author]
        self.posts.append(((await person.posts("منشور")).post_id, person))

    async def _delete(self, index: int) -> None:
        if self.posts:
            post_id, author = self.posts.pop(index % len(self.posts))
            await author.deletes(post_id)

    async def _follow(self, fan: int, replica: int, author: int = 0) -> None:
        await Person(self.replicas[replica], self.fans[fan].user_id).follows(self.authors[author])

    async def _unfollow(self, fan: int, replica: int) -> None:
        await Person(self.replicas[replica], self.fans[fan].user_id).unfollows(self.authors[0])

    async def _cross(self, replica: int) -> None:
        """One fan comes or goes, and the projector counts it."""
        fan, author = Person(self.replicas[replica], self.fans[-1].user_id), self.authors[0]
        sql = "SELECT EXISTS (SELECT 1 FROM follows WHERE follower_id = $1 AND followee_id = $2)"
        is_there = await self.replicas[0].pool.fetchval(sql, fan.user_id, author.user_id)
        await (fan.unfollows if is_there else fan.follows)(author)
        await self._stamp()
        await self._project(10_000)

    async def _stamp(self) -> None:
        await outlast_neighbours(self.replicas[0].pool)
        while await self.relay.stamp():
            pass

    async def _project(self, count: int) -> None:
        social = self.replicas[0]
        batch = await social.log.read(await PostgresCursorStore(social.pool, PROJECTOR).load(), count)
        if batch:
            await self.projector.apply(batch)

    async def _everybody_reads(self) -> None:
        for replica in range(len(self.replicas)):
            for fan in range(STEADY):
                await self._read(fan, replica)

    async def _rarely(self, act: Act) -> None:
        await getattr(self, f"_{act[0]}")(*act[1:])

    async def _settle(self, replica: int) -> None:
        """One fan-out and one replica have everything."""
        await self._fan_out(0, 10_000)
        await self._replicate(replica, 10_000)

    async def _fan_out(self, which: int, count: int) -> None:
        await self.fan_outs[which].goes_on(count)

    async def _job(self, which: int) -> None:
        await self.fan_outs[which].handler.jobs.turn()

    async def _replicate(self, replica: int, count: int) -> None:
        social = self.replicas[replica]
        batch = await social.log.read(social.made.tail.position, count)
        if batch:
            await social.made.tail._feed.apply(batch)

    async def _die(self, which: int, count: int, calls: int) -> None:
        """The process dies at one of its calls, in a batch and in a job, and another one takes its place."""
        social = self.replicas[0]
        doomed = await FanOutProcess.started(social, [calls])
        with contextlib.suppress(Died):
            await doomed.goes_on(count)
            await doomed.handler.jobs.turn()
        self.fan_outs[which] = await FanOutProcess.started(social)

    async def _redis(self, what: str) -> None:
        """Keep its state, or come back with the state kept, or with none; the fan-outs notice before anybody reads."""
        redis = self.replicas[0].redis
        if what == "save":
            self.saved = {key: await redis.dump(key) for key in await self._keys()}  # type: ignore[misc]
            return
        if what == "older" and self.saved is None:
            return
        for key in await self._keys():
            await redis.delete(key)
        if what == "older":
            for key, value in (self.saved or {}).items():
                await redis.restore(key, 0, value)
            for fan_out in self.fan_outs:
                await fan_out.handler.look()

    async def _keys(self) -> list[bytes]:
        redis = self.replicas[0].redis
        inboxes = [key async for key in redis.scan_iter("inbox:*")]
        return [*inboxes, *[key.encode() for key in (FILLED_UP_TO, JOBS) if await redis.exists(key)]]

    async def _read(self, number: int, replica: int) -> None:
        """The feed has what it must have by now, nothing that it must not have, and nothing twice."""
        social, fan = self.replicas[replica], self.fans[number]
        certain = min(social.made.tail.position, max(fan_out.position for fan_out in self.fan_outs))
        feed = await Person(social, fan.user_id).latest()
        assert len(feed) == len(set(feed)), "a post twice"
        history = await self._history()
        on_its_way = {row[0] for row in await social.pool.fetch("SELECT post_id FROM fan_out_jobs")}
        must = (set(feed_at(history, fan, certain)) & set(feed_at(history, fan))) - on_its_way
        assert must <= set(feed), "a post is missing"
        may = set(feed_at(history, fan, certain)).union(
            *[feed_at(history, fan, pos) for pos, _ in history if pos > certain]
        )
        assert set(feed) <= may, "a post that the reader must not see"
        assert feed == sorted(feed, reverse=True)

    async def _history(self) -> list[tuple[int, oracle.Event]]:
        """The events since these people came, with their places."""
        rows = await self.replicas[0].pool.fetch(EVENTS_SINCE, self.begun_at)
        return [(row["pos"], event) for row in rows for event in in_terms_of_the_oracle(row)]


def feed_at(history: Sequence[tuple[int, oracle.Event]], fan: Person, pos: int = oracle.MAX_ID) -> list[int]:
    """The whole feed as of a place in the log."""
    state = oracle.replay(event for at, event in history if at <= pos)
    return oracle.home_feed(state, fan.user_id, 0, "latest")


@contextlib.asynccontextmanager
async def village(database_url: str, redis_url: str) -> AsyncIterator[Village]:
    """A village on stores of its own."""
    async with (
        running(database_url, redis_url, follows_log=False) as first,
        running(database_url, redis_url, follows_log=False) as second,
    ):
        relay = Relay(first.pool, first.redis, STREAM, encode, SystemClock(), metrics=Metrics())
        for replica in (first, second):
            await replica.made.tail._feed.fill()
        fan_outs = [await FanOutProcess.started(first) for _ in range(2)]
        yield Village([first, second], fan_outs, relay, Projector(first.pool, THRESHOLD))
