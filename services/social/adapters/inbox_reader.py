"""Reads an inbox with all that lies beside it, and builds it when it is missing: once, however many ask at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from services.chassis.errors import AppError
from services.chassis.ids import MAX_ID
from services.chassis.redis_client import RedisBreaker, RedisClient
from services.social.adapters import own_writes, redis_inbox, redis_seen
from services.social.adapters.own_writes import OwnWrites
from services.social.adapters.redis_inbox import CAP, RedisInboxes, with_bottom
from services.social.application.feed.ports import Features, FeedStore, InboxRead, Ranker
from services.social.domain.inbox import floor_of


class InboxReader:
    """Implements application.feed.ports.Inbox and application.ports.Inboxes."""

    def __init__(
        self,
        redis: RedisClient,
        breaker: RedisBreaker,
        store: FeedStore,
        ranker: Ranker,
        features: Features,
        writes: OwnWrites,
    ) -> None:
        self._redis = redis
        self._inboxes = RedisInboxes(redis)
        self._breaker = breaker
        self._store = store
        self._ranker = ranker
        self._features = features
        self._writes = writes
        self._building: dict[int, asyncio.Task[Sequence[bytes]]] = {}

    async def read(self, viewer_id: int) -> InboxRead:
        """The inbox, what the viewer has seen, and what the viewer has just written anywhere, in one round trip.

        AppError UNAVAILABLE when Redis is away, or Postgres while building.
        """
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.lrange(redis_inbox.key_of(viewer_id), 0, -1)
        pipeline.expire(redis_inbox.key_of(viewer_id), redis_inbox.LIFE_S)
        pipeline.get(redis_seen.key_of(viewer_id))
        pipeline.lrange(own_writes.key_of(viewer_id), 0, -1)
        async with self._breaker.guard():
            entries, _, seen, written = await pipeline.execute()
        self._writes.take_in(viewer_id, written)
        if not redis_inbox.is_complete(entries):
            entries = await self._built(viewer_id)
        return InboxRead(entries, floor_of(entries), seen)

    async def catch_up(self, viewer_id: int) -> None:
        """Take in what the viewer has just written anywhere, unless Redis is away."""
        with contextlib.suppress(AppError):
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.lrange(own_writes.key_of(viewer_id), 0, -1)
            async with self._breaker.guard():
                (written,) = await pipeline.execute()
            self._writes.take_in(viewer_id, written)

    async def invalidate(self, viewer_ids: Sequence[int]) -> None:
        """Forget inboxes at once when Redis is there; the fan-out worker does it for certain."""
        for viewer_id in viewer_ids:
            # A build that began before may have read what is no longer so: nobody else waits for it.
            self._building.pop(viewer_id, None)
        with contextlib.suppress(AppError):
            async with self._breaker.guard():
                await self._inboxes.invalidate(viewer_ids)

    async def _built(self, viewer_id: int) -> Sequence[bytes]:
        building = self._building.get(viewer_id)
        if building is None:
            building = asyncio.create_task(self._build(viewer_id))
            self._building[viewer_id] = building
            building.add_done_callback(lambda done: self._end(viewer_id, done))
        # One caller going away must not end the build that others wait for.
        return await asyncio.shield(building)

    async def _build(self, viewer_id: int) -> Sequence[bytes]:
        async with self._breaker.guard():
            nonce = await self._inboxes.begin(viewer_id)
            if nonce is None:
                entries = await self._inboxes.read(viewer_id)
                if entries is not None:
                    return entries
        newest = await self._newest(viewer_id)
        if nonce is not None:
            async with self._breaker.guard():
                await self._inboxes.finish(viewer_id, nonce, newest)
        # What is fanned out from now on is in the next feed; this one is as of the read above.
        return [b"%d" % entry for entry in with_bottom(newest)]

    async def _newest(self, viewer_id: int) -> Sequence[int]:
        """What an inbox keeps and one more; by the feature table, once it has all that was fanned out before."""
        following = await self._store.following(viewer_id)
        if await self._features.reached(following.head_pos):
            newest = self._ranker.newest((*following.authors, viewer_id), CAP + 1)
            if not self._ranker.floor or (len(newest) > CAP and newest[-1] >= self._ranker.floor):
                return newest
        return await self._store.newest(viewer_id, MAX_ID, CAP + 1)

    def _end(self, viewer_id: int, done: asyncio.Task[Sequence[bytes]]) -> None:
        if self._building.get(viewer_id) is done:
            del self._building[viewer_id]
        if not done.cancelled():
            # Whoever waited has it; when nobody did any more, it is not worth a word.
            done.exception()
