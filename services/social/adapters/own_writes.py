"""Read-your-own-writes: what a person wrote is in this replica's memory at once, and comes to others with the inbox.

A write leaves a record in the Redis list `recent:{user}`, which is read together with the inbox; the replica that reads
takes those in before it ranks that it has not seen. The events say the same a moment later, so records may be lost,
repeated or late; none is taken in twice, for by then an event may have said something newer.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import structlog

from services.chassis.errors import AppError
from services.chassis.redis_client import RedisBreaker, RedisClient
from services.social.adapters.muted_words import MutedWordsFilter
from services.social.adapters.native_ranker import NativeRanker
from services.social.adapters.viewer_marks import ViewerMarks
from services.social.application.feed.followed_authors import FollowedAuthors

# Events are at every replica long before that.
LIFE_S: Final = 60
RECORDS_MAX: Final = 32
_READERS_MAX: Final = 10_000
_STAMP_BITS: Final = 48
_log = structlog.get_logger(__name__)


class OwnWrites:
    """Implements application.ports.LocalFeatures, and takes in what other replicas recorded."""

    def __init__(
        self,
        ranker: NativeRanker,
        followed: FollowedAuthors,
        marks: ViewerMarks,
        muted: MutedWordsFilter,
        redis: RedisClient,
        breaker: RedisBreaker,
    ) -> None:
        self._ranker = ranker
        self._followed = followed
        self._marks = marks
        self._muted = muted
        self._redis = redis
        self._breaker = breaker
        self._taken: OrderedDict[int, tuple[bytes, ...]] = OrderedDict()

    async def post_created(
        self, post_id: int, author_id: int, kind: int, *, original_id: int = 0, spam_percent: int = 0
    ) -> None:
        """The author's very next feed has the post."""
        await self._write(author_id, "created", post_id, author_id, kind, original_id, spam_percent)

    async def post_deleted(self, post_id: int, author_id: int) -> None:
        """The author's very next feed has the post no more."""
        await self._write(author_id, "deleted", post_id)

    async def post_liked(self, post_id: int, user_id: int, *, likes: bool) -> None:
        """The post is marked as liked, or not, in the person's very next feed."""
        await self._write(user_id, "liked", user_id, post_id, int(likes))

    async def post_reposted(self, original_id: int, user_id: int, *, reposts: bool) -> None:
        """The post is marked as passed on, or not, in the person's very next feed."""
        await self._write(user_id, "reposted", user_id, original_id, int(reposts))

    async def post_reported(self, post_id: int, user_id: int) -> None:
        """The person's very next feed has the post no more."""
        await self._write(user_id, "reported", user_id, post_id)

    async def follows_changed(self, viewer_id: int) -> None:
        """The viewer's very next feed is of whom they follow now."""
        await self._write(viewer_id, "follows", viewer_id)

    async def relation_changed(
        self, actor_id: int, other_id: int, *, blocks: bool | None = None, mutes: bool | None = None
    ) -> None:
        """Of both people: a block holds either way."""
        for name, changed in (("blocks", blocks), ("mutes", mutes)):
            if changed is not None:
                await self._write(actor_id, name, actor_id, other_id, int(changed))
                if name == "blocks":
                    await self._record(other_id, _record("blocks", (actor_id, other_id, int(changed))))

    async def privacy_changed(self, author_id: int, *, is_private: bool) -> None:
        """Of this replica alone: it is about others' feeds, and those on other replicas hear of it by its event."""
        self._ranker.went_private(author_id, on=is_private)

    async def muted_words_changed(self, viewer_id: int) -> None:
        """The viewer's very next feed is without posts that have the words of now."""
        await self._write(viewer_id, "words", viewer_id)

    def take_in(self, viewer_id: int, records: Sequence[bytes]) -> None:
        """Apply what was recorded anywhere since the viewer read here before, oldest first."""
        if not records:
            return
        asked, before = tuple(records), self._taken.get(viewer_id, ())
        if before == asked:
            return
        for record in asked:
            if record not in before:
                name, *numbers, _ = record.decode().split()
                self._apply(name, [int(number) for number in numbers])
        self._taken[viewer_id] = asked
        self._taken.move_to_end(viewer_id)
        if len(self._taken) > _READERS_MAX:
            self._taken.popitem(last=False)

    def _apply(self, name: str, numbers: list[int]) -> None:
        match name, numbers:
            case "created", [post_id, author_id, kind, original_id, spam]:
                self._ranker.post_created(post_id, author_id, kind, original_id=original_id, spam_percent=spam)
            case "deleted", [post_id]:
                self._ranker.post_deleted(post_id)
            case "liked", [user_id, post_id, likes]:
                self._marks.liked(user_id, post_id, likes=bool(likes))
            case "reposted", [user_id, post_id, reposts]:
                self._marks.reposted(user_id, post_id, reposts=bool(reposts))
            case "reported", [user_id, post_id]:
                self._ranker.viewer_reported(user_id, post_id)
            case "follows", [viewer_id]:
                self._followed.forget(viewer_id)
            case "words", [viewer_id]:
                self._muted.forget(viewer_id)
            case "blocks", [actor_id, other_id, on]:
                self._ranker.blocked(actor_id, other_id, on=bool(on))
            case "mutes", [actor_id, other_id, on]:
                self._ranker.muted(actor_id, other_id, on=bool(on))
            case _:
                # Of a newer release: its event will come as well.
                _log.debug("own_write_unknown", name=name)

    async def _write(self, user_id: int, name: str, *numbers: int) -> None:
        self._apply(name, list(numbers))
        await self._record(user_id, _record(name, numbers))

    async def _record(self, user_id: int, record: bytes) -> None:
        key = key_of(user_id)
        try:
            async with self._breaker.guard():
                pipeline = self._redis.pipeline(transaction=False)
                pipeline.rpush(key, record)
                pipeline.ltrim(key, -RECORDS_MAX, -1)
                pipeline.expire(key, LIFE_S)
                await pipeline.execute()
        except AppError:
            # Feeds are made from the store of record while Redis is away.
            return


def key_of(user_id: int) -> str:
    """The Redis list of a person's records."""
    return f"recent:{user_id}"


def _record(name: str, numbers: Sequence[int]) -> bytes:
    # No two are alike: the same write made again an hour later is another one.
    return " ".join((name, *map(str, numbers), str(secrets.randbits(_STAMP_BITS)))).encode()
