"""What the fan-out does with a batch of events.

Why nobody misses a post, or sees it twice, while its author crosses the fan-in border. The projector sets `merged` and
writes the event of the crossing in one transaction, so the event has a later place in the log than its effect on
readers. The fan-out keeps each crossing with its place (fan_modes) and asks for the mode as of the place of a post,
never for today's: however often a batch is applied, and from however far back, posts before a crossing in are pushed
and those behind it are not.

In: a replica whose table has a post from behind the crossing has applied the crossing before it, and then forgot whom
its viewers merge; what it reads now is later than the projector's transaction and names the author. Merging lists all
of the author's posts, so it does not matter which of them were pushed.

Out: the fan-out forgets the inboxes of all followers, then clears `merged`, and pushes what comes behind. Whoever reads
that the author is merged no more reads the inbox afterwards, which is therefore one that was built since: with all that
the store had then, and all that was pushed since. Should the author have crossed again meanwhile, `merged` stays: only
the last crossing out clears it (fan_in_flips), as another crossing in behind it is not yet forgotten by every replica.

Died between any two steps, the batch is applied again: posts are pushed twice and inboxes forgotten twice, and readers
drop duplicates. Redis that comes back with an older state of itself has its mark (FILLED_UP_TO) with it, and is given
everything again from there on, and the jobs that were open in it are done from where they were.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import structlog
from google.protobuf.message import DecodeError
from prometheus_client import CollectorRegistry

from daira.events.v1 import events_pb2
from services.chassis.clock import Clock
from services.chassis.errors import AppError
from services.chassis.ids import timestamp_ms
from services.chassis.lifecycle import pause
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.chassis.redis_client import REDIS_AWAY
from services.chassis.stream_event import EventSource, StreamEvent
from services.social.adapters.fan_out_jobs import BIG, BigPost, FanOutJobs
from services.social.adapters.fan_out_metrics import FanOutMetrics
from services.social.adapters.redis_inbox import RedisInboxes

CONSUMER: Final = "fan-out"
# An older post is not pushed, for it would cut newer ones out of long inboxes: those of its readers are built anew.
LATE_MS: Final = 10 * 60_000
_FOLLOWERS_A_CHUNK: Final = 2000
# So many posts have at most so many times BIG readers, who are read together.
_POSTS_AT_ONCE: Final = 50
_REPLAY_BATCH: Final = 500
_CHECK_S: Final = 1.0
_CURSOR: Final = "SELECT coalesce(max(pos), 0) FROM consumer_cursors WHERE consumer = $1"
_FOLLOWERS: Final = """
SELECT DISTINCT follower_id FROM follows WHERE followee_id = ANY($1) AND follower_id > $2
ORDER BY follower_id LIMIT $3
"""
_CROSSED: Final = """
INSERT INTO fan_modes (author_id, pos, pushed) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::boolean[])
ON CONFLICT DO NOTHING
"""
# No readers at all (null) where the author was beyond the border.
_READERS: Final = """
SELECT p.post_id, CASE WHEN coalesce((
    SELECT m.pushed FROM fan_modes m WHERE m.author_id = p.author_id AND m.pos < p.pos ORDER BY m.pos DESC LIMIT 1
), true) THEN ARRAY(SELECT follower_id FROM follows WHERE followee_id = p.author_id LIMIT $4) END
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS p (post_id, author_id, pos)
"""
_PUSHED: Final = """
SELECT DISTINCT p.author_id FROM unnest($1::bigint[], $2::bigint[]) AS p (author_id, pos) WHERE coalesce((
    SELECT m.pushed FROM fan_modes m WHERE m.author_id = p.author_id AND m.pos < p.pos ORDER BY m.pos DESC LIMIT 1
), true)
"""
# Events from before crossings were counted have no count.
_MERGED_NO_MORE: Final = """
UPDATE author_counters SET merged = false
WHERE user_id = $1 AND merged AND NOT fan_in AND ($2 = 0 OR fan_in_flips = $2)
"""
_log = structlog.get_logger(__name__)


class _Crossing(NamedTuple):
    """An author crosses the fan-in border: so often by now, and is pushed from this place of the log on, or not."""

    author_id: int
    pos: int
    pushed: bool
    flips: int


@dataclass(slots=True)
class _Work:
    """What a batch asks for."""

    posts: list[BigPost] = field(default_factory=list)
    late: list[BigPost] = field(default_factory=list)
    readers: set[int] = field(default_factory=set)
    crossings: list[_Crossing] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.posts or self.late or self.readers or self.crossings)


class FanOut:
    """Applies events to inboxes. Effects may repeat, and inside a batch their order does not matter.

    An inbox that is forgotten is rebuilt from the store of record, which has everything that any event tells of. Posts
    with more than `big` readers become jobs (`jobs.run`), which are stored before the batch counts as applied.
    """

    def __init__(
        self,
        pool: PostgresPool,
        inboxes: RedisInboxes,
        log: EventSource,
        clock: Clock,
        *,
        metrics: FanOutMetrics | None = None,
        big: int = BIG,
    ) -> None:
        self._pool = pool
        self._inboxes = inboxes
        self._event_log = log
        self._clock = clock
        self._metrics = metrics or FanOutMetrics(CollectorRegistry())
        self._big = big
        self.jobs = FanOutJobs(pool, inboxes, self._metrics, big=big)
        self._applied = 0
        # What the mark in Redis must not be below; None until it is known where this process begins.
        self._mark: int | None = None
        self._busy = asyncio.Lock()

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        """Apply a batch, and what Redis has lost before it."""
        async with self._busy:
            if self._mark is None:
                self._begin_at(batch[0].pos - 1)
            had_effects = await self._apply(batch)
            self._applied = max(self._applied, batch[-1].pos)
            if had_effects:
                await self._keep_mark()

    async def watch(self, stop: asyncio.Event) -> None:
        """Notice until `stop` that Redis came back with an older state of itself, and fill in what it lost."""
        while not stop.is_set():
            await pause(stop, _CHECK_S)
            try:
                await self.look()
            except (AppError, *REDIS_AWAY):
                continue

    async def look(self) -> None:
        """Notice once. AppError UNAVAILABLE or REDIS_AWAY errors when a store is away."""
        async with self._busy:
            if self._mark is None:
                async with unavailable_as_app_error():
                    cursor = await self._pool.fetchval(_CURSOR, CONSUMER)
                self._begin_at(cursor)
            await self._keep_mark()
            await self.jobs.find_lost()

    def _begin_at(self, pos: int) -> None:
        self._applied = self._mark = pos

    async def _keep_mark(self) -> None:
        """Move the mark in Redis up; while it is behind where it was, do again what came after it."""
        while True:
            mark = max(self._mark or 0, self._applied)
            fallen_to = await self._inboxes.advance(self._mark or 0, mark)
            if fallen_to is None:
                self._mark = mark
                return
            _log.warning("inboxes_lost_their_end", filled_up_to=fallen_to, until=self._applied)
            await self._apply_again(fallen_to, self._applied)
            self._mark = fallen_to

    async def _apply_again(self, after: int, until: int) -> None:
        while after < until:
            batch = await self._event_log.read(after, min(_REPLAY_BATCH, until - after))
            if not batch:
                return
            # What was given up the first time must not make this fail, and with it everything that comes after.
            await self._apply([event for event in batch if _is_readable(event)])
            after = batch[-1].pos

    async def _apply(self, batch: Sequence[StreamEvent]) -> bool:
        """Whether there was anything to do."""
        work = self._work_of(batch)
        if work.crossings:
            authors, places, pushed, _ = zip(*work.crossings, strict=True)
            async with unavailable_as_app_error():
                await self._pool.execute(_CROSSED, authors, places, pushed)
        if work.readers:
            async with self.jobs.between_chunks:
                await self._inboxes.invalidate(list(work.readers))
        for crossing in work.crossings:
            if crossing.pushed:
                await self._forget_followers([crossing.author_id])
                async with unavailable_as_app_error():
                    await self._pool.execute(_MERGED_NO_MORE, crossing.author_id, crossing.flips)
        for start in range(0, len(work.posts), _POSTS_AT_ONCE):
            await self._deliver(work.posts[start : start + _POSTS_AT_ONCE])
        if work.late:
            async with unavailable_as_app_error():
                rows = await self._pool.fetch(
                    _PUSHED, *zip(*((late.author_id, late.pos) for late in work.late), strict=True)
                )
            await self._forget_followers([row[0] for row in rows])
        return bool(work)

    def _work_of(self, batch: Sequence[StreamEvent]) -> _Work:
        work, late_before_ms = _Work(), self._clock.now_ms() - LATE_MS
        for stream_event in batch:
            event = events_pb2.Event.FromString(stream_event.data)
            match event.WhichOneof("payload"):
                case "post_created":
                    is_late = timestamp_ms(event.aggregate_id) < late_before_ms
                    post = BigPost(event.aggregate_id, event.actor_id, stream_event.pos)
                    (work.late if is_late else work.posts).append(post)
                case "user_followed" | "user_unfollowed":
                    work.readers.add(event.actor_id)
                case "user_blocked":
                    work.readers |= {event.actor_id, event.aggregate_id}
                case "author_fan_mode_changed":
                    pushed, flips = not event.author_fan_mode_changed.fan_in, event.aggregate_version
                    work.crossings.append(_Crossing(event.aggregate_id, stream_event.pos, pushed, flips))
                case _:
                    pass
        return work

    async def _deliver(self, posts: Sequence[BigPost]) -> None:
        columns = [list(column) for column in zip(*posts, strict=True)]
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_READERS, *columns, self._big + 1)
        readers: dict[int, Sequence[int]] = {row[0]: row[1] for row in rows if row[1] is not None}
        fresh = [post for post in posts if post.post_id in readers]
        await self.jobs.add([post for post in fresh if len(readers[post.post_id]) > self._big])
        pushed = await self._inboxes.push_many(
            (post.post_id, readers[post.post_id]) for post in fresh if len(readers[post.post_id]) <= self._big
        )
        self._metrics.pushed.inc(pushed.taken)
        self._metrics.trimmed.inc(pushed.cut)

    async def _forget_followers(self, author_ids: Sequence[int]) -> None:
        if author_ids:
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
