"""Reads an inbox, and builds it from the store of record when it is missing: once, however many ask at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from services.chassis.errors import AppError
from services.chassis.ids import MAX_ID
from services.chassis.redis_client import RedisBreaker
from services.social.adapters.redis_inbox import CAP, RedisInboxes
from services.social.application.feed.ports import FeedStore


class InboxReader:
    """Implements application.feed.ports.Inbox."""

    def __init__(self, inboxes: RedisInboxes, breaker: RedisBreaker, store: FeedStore) -> None:
        self._inboxes = inboxes
        self._breaker = breaker
        self._store = store
        self._building: dict[int, asyncio.Task[Sequence[bytes]]] = {}

    async def read(self, viewer_id: int) -> Sequence[bytes]:
        """The entries with their bottom marker. AppError UNAVAILABLE when Redis is away, or Postgres while building."""
        async with self._breaker.guard():
            entries = await self._inboxes.read(viewer_id)
        if entries is not None:
            return entries
        building = self._building.get(viewer_id)
        if building is None:
            building = asyncio.create_task(self._build(viewer_id))
            self._building[viewer_id] = building
            building.add_done_callback(lambda _: self._building.pop(viewer_id, None))
        # One caller going away must not end the build that others wait for.
        return await asyncio.shield(building)

    async def _build(self, viewer_id: int) -> Sequence[bytes]:
        async with self._breaker.guard():
            nonce = await self._inboxes.begin(viewer_id)
            if nonce is None:
                entries = await self._inboxes.read(viewer_id)
                if entries is not None:
                    return entries
        newest = await self._store.newest(viewer_id, MAX_ID, CAP)
        if nonce is not None:
            async with self._breaker.guard():
                await self._inboxes.finish(viewer_id, nonce, newest)
        # What is fanned out from now on is in the next feed; this one is as of the read above.
        return [*(b"%d" % post_id for post_id in newest), *([b"0"] if len(newest) < CAP else [])]


class BestEffortInboxes:
    """Forgets inboxes at once when it can; the fan-out worker does it for certain. Implements ports.Inboxes."""

    def __init__(self, inboxes: RedisInboxes, breaker: RedisBreaker) -> None:
        self._inboxes = inboxes
        self._breaker = breaker

    async def invalidate(self, viewer_ids: Sequence[int]) -> None:
        """Forget the inboxes, unless Redis is away."""
        with contextlib.suppress(AppError):
            async with self._breaker.guard():
                await self._inboxes.invalidate(viewer_ids)
