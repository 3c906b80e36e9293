"""Feeds this replica's feature table: from Postgres as of the projector's cursor, then by the events after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg
import structlog

from daira.events.v1 import events_pb2
from services.chassis.clock import Clock
from services.chassis.consumer import Consumer
from services.chassis.cursors import MemoryCursorStore
from services.chassis.errors import AppError
from services.chassis.event_log import PostgresEventLog
from services.chassis.lifecycle import pause
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error
from services.chassis.redis_client import RedisClient
from services.chassis.stream_event import LogSource, StreamEvent
from services.social.adapters.event_codec import STREAM, encode
from services.social.adapters.native_ranker import NativeRanker
from services.social.adapters.projector import CONSUMER as PROJECTOR
from services.social.adapters.projector import milliseconds
from services.social.application.feed.followed_authors import FollowedAuthors
from services.social.application.feed.ports import FeatureRow

ForgetAuthor = Callable[[int], Awaitable[None]]

_CHUNK: Final = 20_000
_BATCH: Final = 200
_REACH_PATIENCE_S: Final = 0.25
_REACH_POLL_S: Final = 0.002
_FILL_RETRY_S: Final = 0.5
_log = structlog.get_logger(__name__)
_POSTS: Final = """
SELECT p.id, p.author_id, p.kind, coalesce(c.likes, 0), coalesce(c.reports, 0)
FROM posts p LEFT JOIN post_counters c ON c.post_id = p.id
WHERE p.deleted_at IS NULL
ORDER BY p.id DESC LIMIT $1
"""
_FOLLOWERS: Final = "SELECT user_id, followers FROM author_counters WHERE followers > 0"
_AFFINITIES: Final = """
SELECT viewer_id, author_id, weight, (extract(epoch FROM as_of) * 1000)::bigint FROM affinities WHERE weight > 0
"""


class FeatureFeed:
    """Applies social's events to the table. Its cursor lives and dies with the process, as the table does."""

    def __init__(self, ranker: NativeRanker, followed: FollowedAuthors, forget_author: ForgetAuthor) -> None:
        self._ranker = ranker
        self._followed = followed
        self._forget_author = forget_author
        self._position = 0

    async def reached(self, pos: int) -> bool:
        """Wait a moment until the table holds everything up to the position; whether it does."""
        deadline = asyncio.get_running_loop().time() + _REACH_PATIENCE_S
        while self._position < pos:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_REACH_POLL_S)
        return True

    async def fill(self, pool: PostgresPool) -> int:
        """Fill the table from one snapshot; the position up to which its counters stand."""
        async with (
            unavailable_as_app_error(),
            pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute("SET LOCAL statement_timeout = 0")
            pos = await connection.fetchval("SELECT pos FROM consumer_cursors WHERE consumer = $1", PROJECTOR)
            await self._fill_posts(connection)
            self._ranker.set_followers([tuple(row) for row in await connection.fetch(_FOLLOWERS)])
            async for rows in _chunks(connection, _AFFINITIES):
                self._ranker.set_affinities(rows)
        self._position = pos or 0
        return self._position

    async def _fill_posts(self, connection: PostgresConnection) -> None:
        """The newest posts, as many as the table holds."""
        filled = 0
        async for rows in _chunks(connection, _POSTS, self._ranker.max_posts):
            self._ranker.add([FeatureRow(*row) for row in rows])
            filled += len(rows)
            if filled >= self._ranker.max_posts:
                self._ranker.raise_floor(rows[-1][0])

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        """Apply events in order, each once."""
        # All are read before the first is applied: a batch with one that cannot be read is tried again in parts.
        events = [events_pb2.Event.FromString(stream_event.data) for stream_event in batch]
        for event in events:
            self._apply(event)
        self._position = batch[-1].pos
        for author_id in {event.aggregate_id for event in events if event.WhichOneof("payload") == "profile_updated"}:
            await self._forget_author(author_id)

    def _apply(self, event: events_pb2.Event) -> None:
        subject, actor = event.aggregate_id, event.actor_id
        match event.WhichOneof("payload"):
            case "post_created":
                self._ranker.post_created(subject, actor, event.post_created.kind)
            case "post_deleted":
                self._ranker.post_deleted(subject)
            case "post_liked":
                self._ranker.liked(actor, subject, event.post_liked.author_id, milliseconds(event.occurred_at), 1)
            case "post_unliked":
                unliked = event.post_unliked
                self._ranker.liked(actor, subject, unliked.author_id, milliseconds(unliked.liked_at), -1)
            case "post_reported":
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


class FeatureTail:
    """Fills the table, then follows the log for as long as the process lives."""

    def __init__(
        self, feed: FeatureFeed, pool: PostgresPool, redis: RedisClient, clock: Clock, metrics: Metrics
    ) -> None:
        self._feed = feed
        self._pool = pool
        self._redis = redis
        self._clock = clock
        self._metrics = metrics
        self._consumer: Consumer | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Fill, once the schema is there, and consume until `stop`."""
        pos = await self._filled(stop)
        if pos is None:
            return
        self._consumer = Consumer(
            "features",
            self._redis,
            STREAM,
            LogSource(PostgresEventLog(self._pool), encode),
            self._feed,
            MemoryCursorStore(pos),
            metrics=self._metrics,
            clock=self._clock,
            batch=_BATCH,
        )
        await self._consumer.run(stop)

    async def is_caught_up(self) -> bool:
        """Whether the table is filled and has come to the end of the log once."""
        return self._consumer is not None and self._consumer.caught_up.is_set()

    async def _filled(self, stop: asyncio.Event) -> int | None:
        while not stop.is_set():
            try:
                return await self._feed.fill(self._pool)
            except (AppError, asyncpg.UndefinedTableError) as error:
                _log.warning("features_wait", error=type(error).__name__)
                await pause(stop, _FILL_RETRY_S)
        return None


class ReplicaFeatures:
    """What this replica's own writes change before their events arrive; implements application.ports.LocalFeatures."""

    def __init__(self, ranker: NativeRanker, followed: FollowedAuthors) -> None:
        self._ranker = ranker
        self._followed = followed

    def post_created(self, post_id: int, author_id: int, kind: int) -> None:
        """The author's very next feed has the post."""
        self._ranker.post_created(post_id, author_id, kind)

    def post_deleted(self, post_id: int) -> None:
        """The post is in no feed of this replica any more."""
        self._ranker.post_deleted(post_id)

    def follows_changed(self, viewer_id: int) -> None:
        """What was remembered of whom the viewer follows is forgotten."""
        self._followed.forget(viewer_id)


async def _chunks(
    connection: PostgresConnection, statement: str, *arguments: object
) -> AsyncIterator[list[tuple[Any, ...]]]:
    """Rows of a statement by the chunk, so that a large table never stands in memory twice."""
    cursor = await connection.cursor(statement, *arguments)
    while rows := await cursor.fetch(_CHUNK):
        yield [tuple(row) for row in rows]
