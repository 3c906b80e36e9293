"""Feeds this replica's feature table: from Postgres as of the projector's cursor, then by the events after it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from daira.events.v1 import events_pb2
from services.chassis.ids import timestamp_ms
from services.chassis.postgres import PostgresPool
from services.chassis.stream_event import StreamEvent
from services.social.adapters.native_ranker import NativeRanker
from services.social.adapters.postgres.feature_queries import PostgresFeatures
from services.social.adapters.projector import milliseconds, trust_of
from services.social.application.feed.ports import FeatureRow
from services.social.domain.affinity import LIKE, OPEN, REPOST

_REACH_PATIENCE_S: Final = 0.25
_REACH_POLL_S: Final = 0.002
# Changes of counters remembered, to bring those of the projector up to where this replica stands.
_RECENT_MAX: Final = 50_000


class Memory(Protocol):
    """What follows the same events beside the table."""

    async def apply(self, event: events_pb2.Event) -> None:
        """Take in one event, after the table has."""
        ...


class _Counted(NamedTuple):
    """What one event of the log changed of a post's counters."""

    pos: int
    post_id: int
    likes: int = 0
    reposts: int = 0
    opens: int = 0
    impressions: int = 0
    trust: int = 0


class FeatureFeed:
    """Applies social's events to the table. Its cursor lives and dies with the process, as the table does."""

    def __init__(self, ranker: NativeRanker, pool: PostgresPool) -> None:
        self._ranker = ranker
        self._store = PostgresFeatures(pool)
        self._memory: Memory | None = None
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

    def stats(self) -> dict[str, int]:
        """Sizes of the table."""
        return self._ranker.stats()

    def tell(self, memory: Memory) -> None:
        """Let it follow the same events."""
        self._memory = memory

    def begin_empty(self) -> None:
        """Begin before the first event instead of filling the table from Postgres."""
        self._filled = True

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
        self._position = self._recent_after = await self._store.fill(self._ranker)
        self._filled = True
        return self._position

    async def learn(self, inbox: Sequence[bytes]) -> None:
        """Bring posts that the table has never seen into it. AppError UNAVAILABLE when Postgres is away."""
        unknown = [post_id for post_id in self._ranker.missing(inbox) if post_id >= self._ranker.floor]
        if not unknown:
            return
        await self._learn(unknown)
        # What reposts pass on is known by now, and may be missing too, however old it is.
        originals = self._ranker.missing(inbox)
        if originals:
            await self._learn(originals)

    async def _learn(self, unknown: list[int]) -> None:
        found, counted_to = await self._store.posts(unknown)
        self._add(found, counted_to)
        there = {row.post_id for row in found}
        for post_id in unknown:
            if post_id not in there:
                # Deleted before this replica had heard of it: so nobody asks for it again.
                self._ranker.post_deleted(post_id)

    def _add(self, rows: Sequence[FeatureRow], counted_to: int) -> None:
        """Add posts whose counters stand at the projector's position, which may be before or after this replica's."""
        if counted_to < self._recent_after:
            # So far back nothing is remembered; the next feed finds the projector further on.
            return
        self._ranker.add(rows)
        ids = {row.post_id for row in rows}
        if counted_to < self._position:
            for counted in self._recent:
                if counted.pos > counted_to and counted.post_id in ids:
                    self._count(counted)
        elif counted_to > self._position:
            self._counted_to |= dict.fromkeys(ids, counted_to)

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        """Apply events in order, each once."""
        for stream_event in batch:
            if stream_event.pos > self._position:
                event = events_pb2.Event.FromString(stream_event.data)
                self._apply(event, stream_event.pos)
                self._position = stream_event.pos
                if self._memory is not None:
                    await self._memory.apply(event)
        if self._counted_to:
            self._counted_to = {post: pos for post, pos in self._counted_to.items() if pos > self._position}

    def _apply(self, event: events_pb2.Event, pos: int) -> None:
        subject, actor = event.aggregate_id, event.actor_id
        match event.WhichOneof("payload"):
            case "post_created":
                self._post_created(event, pos)
            case "post_deleted":
                self._post_deleted(event, pos)
            case "post_liked":
                self._counts(_Counted(pos, subject, likes=1))
                self._ranker.interacted(actor, event.post_liked.author_id, milliseconds(event.occurred_at), LIKE)
            case "post_unliked":
                unliked = event.post_unliked
                self._counts(_Counted(pos, subject, likes=-1))
                self._ranker.interacted(actor, unliked.author_id, milliseconds(unliked.liked_at), -LIKE)
            case "post_reported":
                self._counts(_Counted(pos, subject, trust=trust_of(event.post_reported)))
                self._ranker.viewer_reported(actor, subject)
            case "feedback_recorded":
                self._feedback(event, pos)
            case _:
                self._people(event)

    def _people(self, event: events_pb2.Event) -> None:
        subject, actor = event.aggregate_id, event.actor_id
        match event.WhichOneof("payload"):
            case "user_followed":
                self._ranker.followed(subject, 1)
            case "user_unfollowed":
                self._ranker.followed(subject, -1)
            case "user_blocked" | "user_unblocked" as kind:
                self._ranker.blocked(actor, subject, on=kind == "user_blocked")
            case "user_muted" | "user_unmuted" as kind:
                self._ranker.muted(actor, subject, on=kind == "user_muted")
            case "author_privacy_changed":
                self._ranker.went_private(subject, on=event.author_privacy_changed.is_private)
            case _:
                pass

    def _post_created(self, event: events_pb2.Event, pos: int) -> None:
        created, post_id, author_id = event.post_created, event.aggregate_id, event.actor_id
        self._ranker.post_created(
            post_id, author_id, created.kind, original_id=created.original_id, spam_percent=created.spam_percent
        )
        if created.original_id:
            self._counts(_Counted(pos, created.original_id, reposts=1))
            self._ranker.interacted(author_id, created.original_author_id, timestamp_ms(post_id), REPOST)

    def _post_deleted(self, event: events_pb2.Event, pos: int) -> None:
        deleted, post_id = event.post_deleted, event.aggregate_id
        self._ranker.post_deleted(post_id)
        if deleted.original_id:
            self._counts(_Counted(pos, deleted.original_id, reposts=-1))
            self._ranker.interacted(event.actor_id, deleted.original_author_id, timestamp_ms(post_id), -REPOST)

    def _feedback(self, event: events_pb2.Event, pos: int) -> None:
        at_ms = milliseconds(event.occurred_at)
        for post in event.feedback_recorded.posts:
            self._counts(_Counted(pos, post.post_id, opens=post.opened, impressions=post.seen))
            if post.opened:
                self._ranker.interacted(event.actor_id, post.author_id, at_ms, OPEN)

    def _counts(self, counted: _Counted) -> None:
        """Remember it, and count it unless the table's counters of the post have it already."""
        self._recent.append(counted)
        if len(self._recent) > _RECENT_MAX:
            self._recent_after = self._recent.popleft().pos
        if counted.pos > self._counted_to.get(counted.post_id, 0):
            self._count(counted)

    def _count(self, counted: _Counted) -> None:
        self._ranker.counted(
            counted.post_id,
            likes=counted.likes,
            reposts=counted.reposts,
            opens=counted.opens,
            impressions=counted.impressions,
            trust=counted.trust,
        )
