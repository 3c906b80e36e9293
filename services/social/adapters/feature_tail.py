"""Keeps the feature table on the log for as long as the process lives, and takes in what this replica writes itself."""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg
import structlog

from services.chassis.clock import Clock
from services.chassis.consumer import Consumer
from services.chassis.cursors import MemoryCursorStore
from services.chassis.errors import AppError
from services.chassis.event_log import PostgresEventLog
from services.chassis.lifecycle import pause
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool
from services.chassis.redis_client import RedisClient
from services.chassis.stream_event import LogSource
from services.social.adapters.event_codec import STREAM, encode
from services.social.adapters.feature_feed import FeatureFeed
from services.social.adapters.native_ranker import NativeRanker
from services.social.adapters.replica_memory import ReplicaMemory
from services.social.application.feed.followed_authors import FollowedAuthors

# Applied in one go between two calls: small enough not to be noticed by them.
_BATCH: Final = 200
_FILL_RETRY_S: Final = 0.5
_log = structlog.get_logger(__name__)


class FeatureTail:
    """Fills the table, then follows the log for as long as the process lives."""

    def __init__(
        self,
        feed: FeatureFeed,
        memory: ReplicaMemory,
        pool: PostgresPool,
        redis: RedisClient,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._feed = feed
        self.memory = memory
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

    @property
    def position(self) -> int:
        """The last position that is in the table."""
        return self._feed.position

    def checksum(self) -> int:
        """Of all that the table holds: replicas at the same position have the same."""
        return self._feed.checksum()

    def stats(self) -> dict[str, int]:
        """Sizes of the table."""
        return self._feed.stats()

    async def _filled(self, stop: asyncio.Event) -> int | None:
        while not stop.is_set():
            try:
                return await self._feed.fill()
            except (AppError, asyncpg.UndefinedTableError) as error:
                _log.warning("features_wait", error=type(error).__name__)
                await pause(stop, _FILL_RETRY_S)
        return None


class ReplicaFeatures:
    """What this replica's own writes change before their events arrive; implements application.ports.LocalFeatures."""

    def __init__(self, ranker: NativeRanker, followed: FollowedAuthors) -> None:
        self._ranker = ranker
        self._followed = followed

    async def post_created(
        self,
        post_id: int,
        author_id: int,
        kind: int,
        *,
        original_id: int = 0,  # noqa: ARG002 - the table does not know reposts yet
        spam_percent: int = 0,  # noqa: ARG002
    ) -> None:
        """The author's very next feed has the post."""
        self._ranker.post_created(post_id, author_id, kind)

    async def post_deleted(self, post_id: int, author_id: int) -> None:  # noqa: ARG002
        """The post is in no feed of this replica any more."""
        self._ranker.post_deleted(post_id)

    async def post_liked(self, post_id: int, user_id: int, *, likes: bool) -> None:
        """Likes are read from the store of record."""

    async def post_reposted(self, original_id: int, user_id: int, *, reposts: bool) -> None:
        """Reposts are read from the store of record."""

    async def post_reported(self, post_id: int, user_id: int) -> None:
        """Reports hide nothing from the reporter yet."""

    async def follows_changed(self, viewer_id: int) -> None:
        """What was remembered of whom the viewer follows is forgotten."""
        self._followed.forget(viewer_id)

    async def relation_changed(
        self, actor_id: int, other_id: int, *, blocks: bool | None = None, mutes: bool | None = None
    ) -> None:
        """Relations hide nothing yet."""
