"""What the fan-out does with a batch of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from daira.events.v1 import events_pb2
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.chassis.stream_event import StreamEvent
from services.social.adapters.redis_inbox import RedisInboxes

_FOLLOWERS_A_CHUNK: Final = 2000
_FOLLOWERS: Final = """
SELECT follower_id FROM follows WHERE followee_id = $1 AND follower_id > $2 ORDER BY follower_id LIMIT $3
"""


class FanOut:
    """Applies events to inboxes. Effects may repeat: readers drop duplicates, and forgetting twice is forgetting."""

    def __init__(self, pool: PostgresPool, inboxes: RedisInboxes) -> None:
        self._pool = pool
        self._inboxes = inboxes

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        """Apply a batch in order."""
        for stream_event in batch:
            event = events_pb2.Event.FromString(stream_event.data)
            match event.WhichOneof("payload"):
                case "post_created":
                    await self._deliver(event.aggregate_id, event.actor_id)
                case "user_followed" | "user_unfollowed":
                    await self._inboxes.invalidate([event.actor_id])
                case "author_fan_mode_changed" if not event.author_fan_mode_changed.fan_in:
                    # What was published meanwhile is in nobody's inbox.
                    await self._forget_followers(event.aggregate_id)
                case _:
                    pass

    async def _deliver(self, post_id: int, author_id: int) -> None:
        async with unavailable_as_app_error():
            fan_in = await self._pool.fetchval("SELECT fan_in FROM author_counters WHERE user_id = $1", author_id)
        if fan_in:
            return
        after = 0
        while chunk := await self._followers(author_id, after):
            await self._inboxes.push(post_id, chunk)
            after = chunk[-1]

    async def _forget_followers(self, author_id: int) -> None:
        after = 0
        while chunk := await self._followers(author_id, after):
            await self._inboxes.invalidate(chunk)
            after = chunk[-1]

    async def _followers(self, author_id: int, after: int) -> list[int]:
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_FOLLOWERS, author_id, after, _FOLLOWERS_A_CHUNK)
        return [row[0] for row in rows]
