"""What the fan-out does with events: new posts into inboxes, and inboxes forgotten when the graph changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from daira.events.v1 import events_pb2
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.chassis.stream_event import StreamEvent
from services.social.adapters.redis_inbox import RedisInboxes

_FOLLOWERS_A_CHUNK: Final = 2000
# Followers of small authors are read for the whole batch at once, as long as they are no more than this together.
_FOLLOWERS_AT_ONCE: Final = 50_000
_AUTHORS: Final = "SELECT user_id, followers, fan_in FROM author_counters WHERE user_id = ANY($1)"
_FOLLOWERS_OF_MANY: Final = """
SELECT followee_id, array_agg(follower_id) FROM follows WHERE followee_id = ANY($1) GROUP BY followee_id
"""
_FOLLOWERS: Final = """
SELECT follower_id FROM follows WHERE followee_id = $1 AND follower_id > $2 ORDER BY follower_id LIMIT $3
"""


class FanOut:
    """Applies events to inboxes. Effects may repeat: readers drop duplicates, and forgetting twice is forgetting."""

    def __init__(self, pool: PostgresPool, inboxes: RedisInboxes) -> None:
        self._pool = pool
        self._inboxes = inboxes

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        """Apply a batch in order; neighbouring new posts go to Redis together."""
        events = [events_pb2.Event.FromString(stream_event.data) for stream_event in batch]
        authors = {event.actor_id for event in events if event.WhichOneof("payload") == "post_created"}
        fan_in, small = await self._audiences(authors)
        waiting: list[tuple[int, Sequence[int]]] = []
        for event in events:
            match event.WhichOneof("payload"):
                case "post_created" if event.actor_id in small:
                    waiting.append((event.aggregate_id, small[event.actor_id]))
                case "post_created" if event.actor_id not in fan_in:
                    await self._deliver_in_chunks(event.aggregate_id, event.actor_id)
                case "user_followed" | "user_unfollowed":
                    await self._inboxes.push_many(waiting)
                    waiting = []
                    await self._inboxes.invalidate([event.actor_id])
                case "author_fan_mode_changed" if not event.author_fan_mode_changed.fan_in:
                    # What was published meanwhile is in nobody's inbox.
                    await self._forget_followers(event.aggregate_id)
                case _:
                    pass
        await self._inboxes.push_many(waiting)

    async def _audiences(self, authors: set[int]) -> tuple[set[int], dict[int, Sequence[int]]]:
        """The fan-in authors among them, and the followers of those who have few."""
        if not authors:
            return set(), {}
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

    async def _deliver_in_chunks(self, post_id: int, author_id: int) -> None:
        after = 0
        while chunk := await self._followers(author_id, after):
            await self._inboxes.push_many([(post_id, chunk)])
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
