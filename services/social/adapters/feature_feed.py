"""Feeds this replica's feature table: from Postgres as of the projector's cursor, then by the events after it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

from daira.events.v1 import events_pb2
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error
from services.chassis.stream_event import StreamEvent
from services.social.adapters.native_ranker import NativeRanker
from services.social.adapters.projector import CONSUMER as PROJECTOR
from services.social.adapters.projector import milliseconds
from services.social.application.feed.followed_authors import FollowedAuthors
from services.social.application.feed.ports import FeatureRow

ForgetAuthor = Callable[[int], Awaitable[None]]

_CHUNK: Final = 20_000
_REACH_PATIENCE_S: Final = 0.25
_REACH_POLL_S: Final = 0.002
# Likes and reports remembered, to bring counters of the projector up to where this replica stands.
_RECENT_MAX: Final = 50_000
_POSTS: Final = """
SELECT p.id, p.author_id, p.kind, coalesce(c.likes, 0), coalesce(c.reports, 0)
FROM posts p LEFT JOIN post_counters c ON c.post_id = p.id
WHERE p.deleted_at IS NULL
ORDER BY p.id DESC LIMIT $1
"""
_POSTS_BY_ID: Final = """
SELECT p.id, p.author_id, p.kind, coalesce(c.likes, 0), coalesce(c.reports, 0),
       coalesce((SELECT pos FROM consumer_cursors WHERE consumer = $2), 0)
FROM posts p LEFT JOIN post_counters c ON c.post_id = p.id
WHERE p.id = ANY($1) AND p.deleted_at IS NULL
"""
_FOLLOWERS: Final = "SELECT user_id, followers FROM author_counters WHERE followers > 0"
_AFFINITIES: Final = """
SELECT viewer_id, author_id, weight, (extract(epoch FROM as_of) * 1000)::bigint FROM affinities WHERE weight > 0
"""
# Reading all of it may take longer than any other transaction may; PostgreSQL before 17 has no such limit.
_NO_TIME_LIMIT: Final = """
SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN ('statement_timeout', 'transaction_timeout')
"""


class _Counted(NamedTuple):
    """A like or report of the log."""

    pos: int
    post_id: int
    likes: int
    reports: int


class FeatureFeed:
    """Applies social's events to the table. Its cursor lives and dies with the process, as the table does."""

    def __init__(
        self, ranker: NativeRanker, followed: FollowedAuthors, pool: PostgresPool, forget_author: ForgetAuthor
    ) -> None:
        self._ranker = ranker
        self._followed = followed
        self._pool = pool
        self._forget_author = forget_author
        self._filled = False
        self._position = 0
        # Everything counted after `_recent_after` is in `_recent`.
        self._recent: deque[_Counted] = deque()
        self._recent_after = 0
        # Posts whose counters are ahead of this replica, and up to which position.
        self._counted_to: dict[int, int] = {}

    @property
    def position(self) -> int:
        """The last position that is in the table."""
        return self._position

    def checksum(self) -> int:
        """Of all that the table holds, whatever order it came in."""
        return self._ranker.checksum()

    async def reached(self, pos: int) -> bool:
        """Wait a moment until the table holds everything up to the position; whether it does."""
        deadline = asyncio.get_running_loop().time() + _REACH_PATIENCE_S
        while not self._filled or self._position < pos:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_REACH_POLL_S)
        return True

    async def fill(self) -> int:
        """Fill the table from one snapshot; the position up to which its counters stand."""
        async with (
            unavailable_as_app_error(),
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(_NO_TIME_LIMIT)
            pos = await connection.fetchval("SELECT pos FROM consumer_cursors WHERE consumer = $1", PROJECTOR)
            await self._fill_posts(connection)
            async for rows in _chunks(connection, _FOLLOWERS):
                self._ranker.set_followers(rows)
            async for rows in _chunks(connection, _AFFINITIES):
                self._ranker.set_affinities(rows)
        self._position = self._recent_after = pos or 0
        self._filled = True
        return self._position

    async def _fill_posts(self, connection: PostgresConnection) -> None:
        """The newest posts, as many as the table holds."""
        filled = 0
        async for rows in _chunks(connection, _POSTS, self._ranker.max_posts):
            self._ranker.add([FeatureRow(*row) for row in rows])
            filled += len(rows)
            if filled >= self._ranker.max_posts:
                self._ranker.raise_floor(rows[-1][0])

    async def learn(self, inbox: Sequence[bytes]) -> None:
        """Bring posts that the table has never seen into it. AppError UNAVAILABLE when Postgres is away."""
        unknown = self._ranker.missing(inbox)
        if not unknown or not self._filled:
            return
        async with unavailable_as_app_error():
            found = await self._pool.fetch(_POSTS_BY_ID, unknown, PROJECTOR)
        if found:
            self._add([FeatureRow(*row[:5]) for row in found], found[0][5])
        there = {row[0] for row in found}
        for post_id in unknown:
            if post_id not in there:
                # Deleted before this replica had heard of it: so nobody asks for it again.
                self._ranker.post_deleted(post_id)

    def _add(self, rows: Sequence[FeatureRow], counted_to: int) -> None:
        """Add posts whose counters stand at the projector's position, which may be before or after this replica's."""
        if counted_to < self._recent_after:
            # So far back nothing is remembered; the next feed finds the projector further on.
            return
        likes: dict[int, int] = {row.post_id: row.likes for row in rows}
        reports: dict[int, int] = {row.post_id: row.reports for row in rows}
        if counted_to < self._position:
            for counted in self._recent:
                if counted.pos > counted_to and counted.post_id in likes:
                    likes[counted.post_id] += counted.likes
                    reports[counted.post_id] += counted.reports
        elif counted_to > self._position:
            self._counted_to |= dict.fromkeys(likes, counted_to)
        self._ranker.add([row._replace(likes=likes[row.post_id], reports=reports[row.post_id]) for row in rows])

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        """Apply events in order, each once."""
        events = [events_pb2.Event.FromString(stream_event.data) for stream_event in batch]
        for stream_event, event in zip(batch, events, strict=True):
            if stream_event.pos > self._position:
                self._apply(event, stream_event.pos)
                self._position = stream_event.pos
        if self._counted_to:
            self._counted_to = {post: pos for post, pos in self._counted_to.items() if pos > self._position}
        for author_id in {event.aggregate_id for event in events if event.WhichOneof("payload") == "profile_updated"}:
            await self._forget_author(author_id)

    def _apply(self, event: events_pb2.Event, pos: int) -> None:
        subject, actor = event.aggregate_id, event.actor_id
        match event.WhichOneof("payload"):
            case "post_created":
                self._ranker.post_created(subject, actor, event.post_created.kind)
            case "post_deleted":
                self._ranker.post_deleted(subject)
            case "post_liked":
                counted = self._counts(_Counted(pos, subject, 1, 0))
                author_id, at_ms = event.post_liked.author_id, milliseconds(event.occurred_at)
                self._ranker.liked(actor, subject if counted else 0, author_id, at_ms, 1)
            case "post_unliked":
                counted, unliked = self._counts(_Counted(pos, subject, -1, 0)), event.post_unliked
                at_ms = milliseconds(unliked.liked_at)
                self._ranker.liked(actor, subject if counted else 0, unliked.author_id, at_ms, -1)
            case "post_reported":
                if self._counts(_Counted(pos, subject, 0, 1)):
                    self._ranker.reported(subject)
            case "user_followed":
                self._ranker.followed(subject, 1)
                self._followed.forget(actor)
            case "user_unfollowed":
                self._ranker.followed(subject, -1)
                self._followed.forget(actor)
            case "author_fan_mode_changed":
                self._followed.forget_all()
            case _:
                pass

    def _counts(self, counted: _Counted) -> bool:
        """Remember it; whether the table's counter of the post is still without it."""
        self._recent.append(counted)
        if len(self._recent) > _RECENT_MAX:
            self._recent_after = self._recent.popleft().pos
        return counted.pos > self._counted_to.get(counted.post_id, 0)


async def _chunks(
    connection: PostgresConnection, statement: str, *arguments: object
) -> AsyncIterator[list[tuple[Any, ...]]]:
    """Rows of a statement by the chunk, so that a large table never stands in memory twice."""
    cursor = await connection.cursor(statement, *arguments)
    while rows := await cursor.fetch(_CHUNK):
        yield [tuple(row) for row in rows]
