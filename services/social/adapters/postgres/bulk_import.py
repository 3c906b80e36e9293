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
from services.chassis.partitions import DailyTable, ensure_daily_partitions
from services.chassis.postgres import PostgresConnection
from services.social.domain.post import kind_of, language_of
from services.social.domain.spam import spam_percent

_CHUNK: Final = 20_000
_PARTITIONS_BACK: Final = 31
_EVENT_COLUMNS: Final = ("kind", "aggregate_id", "aggregate_version", "actor_id", "payload", "occurred_at")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BulkImport:
    """Writes into the caller's transaction. Rows come in order of time, which becomes the order of the events."""

    def __init__(self, connection: PostgresConnection) -> None:
        self._connection = connection

    async def prepare(self) -> None:
        """Make the partitions that a month of posts and events goes into."""
        now = datetime.now(UTC)
        for table in (DailyTable("posts", key="id"), DailyTable("events", key="time")):
            await ensure_daily_partitions(self._connection, table, now=now, days_back=_PARTITIONS_BACK, days_ahead=7)

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

    async def finish(self) -> None:
        """Tell the planner what is there now."""
        await self._connection.execute("ANALYZE profiles, follows, posts, likes")

    async def _copy(self, table: str, columns: Sequence[str], rows: Iterable[Any], record: Any, event: Any) -> int:
        count = 0
        for chunk in chunks(rows):
            records = [record(row) for row in chunk]
            await self._connection.copy_records_to_table(table, records=records, columns=list(columns))
            events = [event(row) for row in chunk]
            await self._connection.copy_records_to_table("events", records=events, columns=list(_EVENT_COLUMNS))
            count += len(chunk)
        return count


def moment(milliseconds: int) -> datetime:
    """The moment of so many milliseconds since 1970, exactly."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def chunks(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """The rows by the chunk."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
