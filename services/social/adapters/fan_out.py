"""What the fan-out does with a batch of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from google.protobuf.message import DecodeError

from daira.events.v1 import events_pb2
from services.chassis.clock import Clock
from services.chassis.errors import AppError
from services.chassis.ids import timestamp_ms
from services.chassis.lifecycle import pause
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.chassis.redis_client import REDIS_AWAY
from services.chassis.stream_event import EventSource, StreamEvent
from services.social.adapters.redis_inbox import RedisInboxes

# An older post is not pushed; its readers' inboxes are rebuilt instead, which puts it where its time belongs.
LATE_MS: Final = 10 * 60_000
_FOLLOWERS_A_CHUNK: Final = 2000
# Followers of several authors are read together up to about this many.
_FOLLOWERS_AT_ONCE: Final = 20_000
_REPLAY_BATCH: Final = 500
_CHECK_S: Final = 1.0
_FOLLOWERS: Final = """
SELECT DISTINCT follower_id FROM follows WHERE followee_id = ANY($1) AND follower_id > $2
ORDER BY follower_id LIMIT $3
"""
_NOT_FAN_IN: Final = """
SELECT id FROM unnest($1::bigint[]) AS id
WHERE NOT EXISTS (SELECT 1 FROM author_counters WHERE user_id = id AND fan_in)
"""
_AUTHORS: Final = "SELECT user_id, followers, fan_in FROM author_counters WHERE user_id = ANY($1)"
_FOLLOWERS_OF_MANY: Final = """
SELECT followee_id, array_agg(follower_id) FROM follows WHERE followee_id = ANY($1) GROUP BY followee_id
"""
# Not when the author has crossed the border again meanwhile.
_MERGED_NO_MORE: Final = "UPDATE author_counters SET merged = false WHERE user_id = $1 AND merged AND NOT fan_in"
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Work:
    """What a batch asks for."""

    fresh: list[tuple[int, int]] = field(default_factory=list)
    late_authors: set[int] = field(default_factory=set)
    readers: set[int] = field(default_factory=set)
    small_again: set[int] = field(default_factory=set)


class FanOut:
    """Applies events to inboxes. Effects may repeat: readers drop duplicates, and forgetting twice is forgetting.

    Inside a batch the order does not matter: an inbox that is forgotten is rebuilt from the store of record, which has
    everything that any event tells of.
    """

    def __init__(self, pool: PostgresPool, inboxes: RedisInboxes, log: EventSource, clock: Clock) -> None:
        self._pool = pool
        self._inboxes = inboxes
        self._event_log = log
        self._clock = clock
        self._applied = 0
        self._busy = asyncio.Lock()

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        """Apply a batch, and what Redis has lost before it."""
        async with self._busy:
            await self._replay_lost(batch[0].pos - 1)
            await self._apply(batch, batch[-1].pos)
            self._applied = max(self._applied, batch[-1].pos)

    async def watch(self, stop: asyncio.Event) -> None:
        """Notice until `stop` that Redis came back with an older state of itself, and fill in what it lost."""
        while not stop.is_set():
            await pause(stop, _CHECK_S)
            try:
                async with self._busy:
                    await self._replay_lost(self._applied)
            except (AppError, *REDIS_AWAY):
                continue

    async def _replay_lost(self, until: int) -> None:
        reached = await self._inboxes.reached()
        if reached is None or reached >= until:
            return
        _log.warning("inboxes_lost_their_end", reached=reached, until=until)
        while reached < until:
            batch = await self._event_log.read(reached, min(_REPLAY_BATCH, until - reached))
            if not batch:
                return
            # What was given up the first time must not make this fail, and with it everything that comes after.
            await self._apply([event for event in batch if _is_readable(event)], batch[-1].pos)
            reached = batch[-1].pos

    async def _apply(self, batch: Sequence[StreamEvent], until: int) -> None:
        work = self._work_of(batch)
        if work.readers:
            await self._inboxes.invalidate(list(work.readers))
        for author_id in work.small_again:
            # What was published meanwhile is in nobody's inbox; until they are forgotten, readers merge the author.
            await self._forget_followers([author_id])
            async with unavailable_as_app_error():
                await self._pool.execute(_MERGED_NO_MORE, author_id)
        if work.late_authors:
            async with unavailable_as_app_error():
                rows = await self._pool.fetch(_NOT_FAN_IN, list(work.late_authors))
            await self._forget_followers([row[0] for row in rows])
        await self._deliver(work.fresh)
        await self._inboxes.set_reached(until)

    def _work_of(self, batch: Sequence[StreamEvent]) -> _Work:
        work, late_before_ms = _Work(), self._clock.now_ms() - LATE_MS
        for stream_event in batch:
            event = events_pb2.Event.FromString(stream_event.data)
            match event.WhichOneof("payload"):
                case "post_created" if timestamp_ms(event.aggregate_id) < late_before_ms:
                    work.late_authors.add(event.actor_id)
                case "post_created":
                    work.fresh.append((event.aggregate_id, event.actor_id))
                case "user_followed" | "user_unfollowed":
                    work.readers.add(event.actor_id)
                case "author_fan_mode_changed" if not event.author_fan_mode_changed.fan_in:
                    work.small_again.add(event.aggregate_id)
                case _:
                    pass
        return work

    async def _deliver(self, posts: Sequence[tuple[int, int]]) -> None:
        if not posts:
            return
        fan_in, few = await self._audiences({author_id for _, author_id in posts})
        together = [(post_id, few[author_id]) for post_id, author_id in posts if author_id in few]
        await self._inboxes.push_many(together)
        for post_id, author_id in posts:
            if author_id not in fan_in and author_id not in few:
                async for followers in self._followers([author_id]):
                    await self._inboxes.push(post_id, followers)

    async def _audiences(self, authors: set[int]) -> tuple[set[int], dict[int, Sequence[int]]]:
        """The fan-in authors among them, and the followers of those who have few."""
        async with unavailable_as_app_error():
            counters = await self._pool.fetch(_AUTHORS, list(authors))
            fan_in = {row["user_id"] for row in counters if row["fan_in"]}
            sizes = dict.fromkeys(authors - fan_in, 0) | {
                row["user_id"]: row["followers"] for row in counters if not row["fan_in"]
            }
            few: list[int] = []
            total = 0
            for author_id, followers in sorted(sizes.items(), key=lambda pair: pair[1]):
                total += followers
                if total > _FOLLOWERS_AT_ONCE:
                    break
                few.append(author_id)
            rows = await self._pool.fetch(_FOLLOWERS_OF_MANY, few)
        found: dict[int, Sequence[int]] = {row[0]: row[1] for row in rows}
        return fan_in, {author_id: found.get(author_id, ()) for author_id in few}

    async def _forget_followers(self, author_ids: Sequence[int]) -> None:
        async for followers in self._followers(author_ids):
            await self._inboxes.invalidate(followers)

    async def _followers(self, author_ids: Sequence[int]) -> AsyncIterator[list[int]]:
        """The followers of any of the authors, each once, by the chunk."""
        after = 0
        while True:
            async with unavailable_as_app_error():
                rows = await self._pool.fetch(_FOLLOWERS, author_ids, after, _FOLLOWERS_A_CHUNK)
            if not rows:
                return
            yield [row[0] for row in rows]
            if len(rows) < _FOLLOWERS_A_CHUNK:
                return
            after = rows[-1][0]


def _is_readable(event: StreamEvent) -> bool:
    try:
        events_pb2.Event.FromString(event.data)
    except DecodeError:
        return False
    return True
