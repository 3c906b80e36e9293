"""Bulk entry: COPY of rows and of the events that the write path would have written beside them, with their own times.

Counters, affinities and positions are left to the relay and the projector, which take the events like any others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from daira.events.v1 import events_pb2
from services.chassis.ids import timestamp_ms
from services.chassis.partitions import ensure_daily_partitions
from services.chassis.postgres import PostgresConnection
from services.chassis.relay import EVENTS_TABLE
from services.social.adapters.postgres.daily_tables import DAILY_TABLES, IMPRESSIONS
from services.social.domain.post import PostKind, kind_of, language_of
from services.social.domain.spam import spam_percent

_CHUNK: Final = 20_000
_PARTITIONS_BACK: Final = 31
_EVENT_COLUMNS: Final = ("kind", "aggregate_id", "aggregate_version", "actor_id", "payload", "occurred_at")
_REPOST_COLUMNS: Final = ("id", "author_id", "body", "language", "kind", "original_id")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BulkImport:
    """Writes into the caller's transaction. Rows come in order of time, which becomes the order of the events."""

    def __init__(self, connection: PostgresConnection) -> None:
        self._connection = connection

    async def prepare(self) -> None:
        """Make the partitions that a month of posts and events goes into, and what is kept of impressions."""
        now = datetime.now(UTC)
        for table in (*DAILY_TABLES, EVENTS_TABLE):
            days_back = _PARTITIONS_BACK if table.kept_days is None else table.kept_days
            await ensure_daily_partitions(self._connection, table, now=now, days_back=days_back, days_ahead=7)

    async def add_profiles(self, rows: Iterable[tuple[int, str, str, str, int]]) -> int:
        """(user id, handle, display name, bio, milliseconds since 1970) each; how many."""

        def record(row: tuple[int, str, str, str, int]) -> tuple[Any, ...]:
            return (*row[:4], moment(row[4]))

        def event(row: tuple[int, str, str, str, int]) -> tuple[Any, ...]:
            return "profile_created", row[0], 1, row[0], b"", moment(row[4])

        columns = ("user_id", "handle", "display_name", "bio", "created_at")
        return await self._copy("profiles", columns, rows, record, event)

    async def add_follows(self, rows: Iterable[tuple[int, int, int]]) -> int:
        """(follower, followee, milliseconds) each; how many."""

        def record(row: tuple[int, int, int]) -> tuple[Any, ...]:
            return row[0], row[1], moment(row[2])

        def event(row: tuple[int, int, int]) -> tuple[Any, ...]:
            return "user_followed", row[1], 0, row[0], b"", moment(row[2])

        return await self._copy("follows", ("follower_id", "followee_id", "created_at"), rows, record, event)

    async def add_posts(self, rows: Iterable[tuple[int, int, str]]) -> int:
        """(post id, author, body) each, the time being in the id; how many."""

        def record(row: tuple[int, int, str]) -> tuple[Any, ...]:
            return row[0], row[1], row[2], language_of(row[2]), int(kind_of(row[2])), spam_percent(row[2])

        def event(row: tuple[int, int, str]) -> tuple[Any, ...]:
            payload = events_pb2.PostCreated(
                body=row[2],
                language=language_of(row[2]),
                kind=int(kind_of(row[2])),
                spam_percent=spam_percent(row[2]),
            )
            return "post_created", row[0], 1, row[1], payload.SerializeToString(), moment(timestamp_ms(row[0]))

        return await self._copy("posts", ("id", "author_id", "body", "language", "kind", "spam"), rows, record, event)

    async def add_likes(self, rows: Iterable[tuple[int, int, int, int]]) -> int:
        """(user, post, the post's author, milliseconds) each; how many."""

        def record(row: tuple[int, int, int, int]) -> tuple[Any, ...]:
            return row[1], row[0], moment(row[3])

        def event(row: tuple[int, int, int, int]) -> tuple[Any, ...]:
            payload = events_pb2.PostLiked(author_id=row[2]).SerializeToString()
            return "post_liked", row[1], 0, row[0], payload, moment(row[3])

        return await self._copy("likes", ("post_id", "user_id", "created_at"), rows, record, event)

    async def add_reposts(self, rows: Iterable[tuple[int, int, int, int]]) -> int:
        """(repost id, who passes on, post, the post's author) each, the time being in the id; how many."""
        count = 0
        for chunk in chunks(rows):
            pairs = [(row[1], row[2], row[0]) for row in chunk]
            columns = ["user_id", "post_id", "repost_id"]
            await self._connection.copy_records_to_table("reposts", records=pairs, columns=columns)
            count += await self._copy("posts", _REPOST_COLUMNS, chunk, _repost, _repost_event)
        return count

    async def add_feedback(self, rows: Iterable[tuple[int, int, Sequence[tuple[int, int, bool]]]]) -> int:
        """(viewer, milliseconds, posts not seen before as (post, author, whether opened)) each; how many.

        Rows are kept of the days that impressions are kept for, and events of all.
        """
        days = IMPRESSIONS.kept_days or 0
        kept_from = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
        count = 0
        for chunk in chunks(rows):
            records = [
                (row[0], moment(row[1]), [post[0] for post in row[2]], [post[0] for post in row[2] if post[2]])
                for row in chunk
                if moment(row[1]) >= kept_from
            ]
            columns = ["viewer_id", "seen_at", "seen", "opened"]
            await self._connection.copy_records_to_table("impressions", records=records, columns=columns)
            await self._log([_feedback_event(row) for row in chunk])
            count += len(chunk)
        return count

    async def finish(self) -> None:
        """Tell the planner what is there now."""
        await self._connection.execute("ANALYZE profiles, follows, posts, likes, reposts, impressions")

    async def _copy(self, table: str, columns: Sequence[str], rows: Iterable[Any], record: Any, event: Any) -> int:
        count = 0
        for chunk in chunks(rows):
            records = [record(row) for row in chunk]
            await self._connection.copy_records_to_table(table, records=records, columns=list(columns))
            await self._log([event(row) for row in chunk])
            count += len(chunk)
        return count

    async def _log(self, events: Sequence[tuple[Any, ...]]) -> None:
        await self._connection.copy_records_to_table("events", records=events, columns=list(_EVENT_COLUMNS))


def _repost(row: tuple[int, int, int, int]) -> tuple[Any, ...]:
    return row[0], row[1], "", "und", PostKind.REPOST.value, row[2]


def _repost_event(row: tuple[int, int, int, int]) -> tuple[Any, ...]:
    payload = events_pb2.PostCreated(
        language="und", kind=PostKind.REPOST, original_id=row[2], original_author_id=row[3]
    )
    return "post_created", row[0], 1, row[1], payload.SerializeToString(), moment(timestamp_ms(row[0]))


def _feedback_event(row: tuple[int, int, Sequence[tuple[int, int, bool]]]) -> tuple[Any, ...]:
    posts = [events_pb2.SeenPost(post_id=post[0], author_id=post[1], seen=True, opened=post[2]) for post in row[2]]
    payload = events_pb2.FeedbackRecorded(posts=posts).SerializeToString()
    return "feedback_recorded", row[0], 0, row[0], payload, moment(row[1])


def moment(milliseconds: int) -> datetime:
    """The moment of so many milliseconds since 1970, exactly."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def chunks(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """The rows by the chunk."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
