"""Forgetting people whose accounts are gone: in small transactions, each with the events that others follow it by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final, Protocol

from daira.events.v1 import events_pb2, follow_events_pb2
from services.chassis.cursors import advance_cursor
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.chassis.stream_event import StreamEvent

CONSUMER: Final = "social-erasures"
# No transaction holds the event log back for long.
_AT_ONCE: Final = 500
# Longer than a service may go on believing tokens that it heard nothing against.
_SECOND_PASS_AFTER: Final = timedelta(minutes=2)
_PASSES: Final = 2
_LEASE: Final = timedelta(seconds=30)

_ASK_SQL: Final = "INSERT INTO erasures (user_id) SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING"
# The lease is the row's own due time: whoever dies on the way is followed by another in half a minute.
_CLAIM_SQL: Final = """
    UPDATE erasures SET due_at = clock_timestamp() + $1 WHERE user_id = (
        SELECT user_id FROM erasures WHERE done_at IS NULL AND due_at <= clock_timestamp()
        ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING user_id
"""
_KEEP_SQL: Final = "UPDATE erasures SET due_at = clock_timestamp() + $2 WHERE user_id = $1"
_PASSED_SQL: Final = """
    UPDATE erasures SET passes = passes + 1, due_at = clock_timestamp() + $2,
        done_at = CASE WHEN passes + 1 >= $3 THEN clock_timestamp() END
    WHERE user_id = $1
"""
_POST_IDS_SQL: Final = """
    SELECT array_agg(id) FROM (SELECT id FROM posts WHERE author_id = $1 AND id > $2 ORDER BY id LIMIT $3) AS theirs
"""
_LIKES_SQL: Final = """
    SELECT l.post_id, l.created_at, p.author_id FROM likes l JOIN posts p ON p.id = l.post_id
    WHERE l.user_id = $1 LIMIT $2
"""
_UNLIKE_SQL: Final = """
    WITH gone AS (
        DELETE FROM likes l USING unnest($2::bigint[], $3::timestamptz[], $4::bytea[]) AS w (post_id, liked_at, payload)
        WHERE l.user_id = $1 AND l.post_id = w.post_id AND l.created_at = w.liked_at RETURNING l.post_id, w.payload
    )
    INSERT INTO events (kind, aggregate_id, actor_id, payload) SELECT 'post_unliked', post_id, $1, payload FROM gone
"""
_REPOSTS_SQL: Final = """
    SELECT r.post_id, r.repost_id, p.author_id FROM reposts r JOIN posts p ON p.id = r.post_id
    WHERE r.user_id = $1 LIMIT $2
"""
_UNDO_REPOSTS_SQL: Final = """
    WITH gone AS (
        DELETE FROM reposts r USING unnest($2::bigint[], $3::bigint[], $4::bytea[]) AS w (post_id, repost_id, payload)
        WHERE r.user_id = $1 AND r.post_id = w.post_id AND r.repost_id = w.repost_id
        RETURNING r.repost_id, w.payload
    ), taken_out AS (
        UPDATE posts SET deleted_at = clock_timestamp() WHERE id IN (SELECT repost_id FROM gone)
    )
    INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
    SELECT 'post_deleted', repost_id, 2, $1, payload FROM gone
"""
# The rest needs no payload of its own. Each takes at most $2 rows and tells how many it took; $3 is the payload of a
# request to follow that was declined.
_PARTS: Final = (
    # Posts, and the words of those that were deleted before.
    """
    WITH theirs AS (
        SELECT id, deleted_at FROM posts
        WHERE author_id = $1 AND original_id = 0 AND (deleted_at IS NULL OR body <> '') LIMIT $2
    ), gone AS (
        UPDATE posts p SET deleted_at = coalesce(p.deleted_at, clock_timestamp()), body = '' FROM theirs
        WHERE p.id = theirs.id RETURNING p.id, theirs.deleted_at IS NULL AS is_new
    ), logged AS (
        INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id)
        SELECT 'post_deleted', id, 2, $1 FROM gone WHERE is_new
    )
    SELECT count(*) FROM gone
    """,
    """
    WITH gone AS (
        DELETE FROM follows WHERE (follower_id, followee_id) IN (
            SELECT follower_id, followee_id FROM follows WHERE follower_id = $1
            UNION ALL SELECT follower_id, followee_id FROM follows WHERE followee_id = $1 LIMIT $2
        ) RETURNING follower_id, followee_id
    ), logged AS (
        INSERT INTO events (kind, aggregate_id, actor_id) SELECT 'user_unfollowed', followee_id, follower_id FROM gone
    )
    SELECT count(*) FROM gone
    """,
    """
    WITH gone AS (
        DELETE FROM follow_requests WHERE (follower_id, followee_id) IN (
            SELECT follower_id, followee_id FROM follow_requests WHERE follower_id = $1
            UNION ALL SELECT follower_id, followee_id FROM follow_requests WHERE followee_id = $1 LIMIT $2
        ) RETURNING follower_id, followee_id
    ), logged AS (
        INSERT INTO events (kind, aggregate_id, actor_id, payload)
        SELECT 'follow_request_ended', followee_id, follower_id, CASE followee_id WHEN $1 THEN $3 ELSE ''::bytea END
        FROM gone
    )
    SELECT count(*) FROM gone
    """,
    """
    WITH gone AS (
        DELETE FROM blocks WHERE (blocker_id, blocked_id) IN (
            SELECT blocker_id, blocked_id FROM blocks WHERE blocker_id = $1
            UNION ALL SELECT blocker_id, blocked_id FROM blocks WHERE blocked_id = $1 LIMIT $2
        ) RETURNING blocker_id, blocked_id
    ), logged AS (
        INSERT INTO events (kind, aggregate_id, actor_id) SELECT 'user_unblocked', blocked_id, blocker_id FROM gone
    )
    SELECT count(*) FROM gone
    """,
    """
    WITH gone AS (
        DELETE FROM mutes WHERE (muter_id, muted_id) IN (
            SELECT muter_id, muted_id FROM mutes WHERE muter_id = $1
            UNION ALL SELECT muter_id, muted_id FROM mutes WHERE muted_id = $1 LIMIT $2
        ) RETURNING muter_id, muted_id
    ), logged AS (
        INSERT INTO events (kind, aggregate_id, actor_id) SELECT 'user_unmuted', muted_id, muter_id FROM gone
    )
    SELECT count(*) FROM gone
    """,
    """
    WITH gone AS (DELETE FROM muted_words WHERE user_id = $1 RETURNING user_id), logged AS (
        INSERT INTO events (kind, aggregate_id, actor_id) SELECT 'muted_words_changed', $1, $1 FROM gone
    )
    SELECT count(*) FROM gone WHERE $2 > 0
    """,
    """
    WITH gone AS (
        DELETE FROM subscriber_access WHERE (subscriber_id, creator_id) IN (
            SELECT subscriber_id, creator_id FROM subscriber_access WHERE subscriber_id = $1
            UNION ALL SELECT subscriber_id, creator_id FROM subscriber_access WHERE creator_id = $1 LIMIT $2
        ) RETURNING subscriber_id
    )
    SELECT count(*) FROM gone
    """,
    # Reports were counted; who reported is forgotten.
    """
    WITH gone AS (
        DELETE FROM reports WHERE (post_id, user_id) IN (
            SELECT post_id, user_id FROM reports WHERE user_id = $1 LIMIT $2
        ) RETURNING post_id
    )
    SELECT count(*) FROM gone
    """,
    """
    WITH gone AS (
        DELETE FROM impressions WHERE (tableoid, ctid) IN (
            SELECT tableoid, ctid FROM impressions WHERE viewer_id = $1 LIMIT $2
        ) RETURNING viewer_id
    )
    SELECT count(*) FROM gone
    """,
    """
    WITH gone AS (
        DELETE FROM affinities WHERE (viewer_id, author_id) IN (
            SELECT viewer_id, author_id FROM affinities WHERE viewer_id = $1 LIMIT $2
        ) RETURNING viewer_id
    )
    SELECT count(*) FROM gone
    """,
    """
    WITH gone AS (
        DELETE FROM idempotency_keys WHERE ctid IN (SELECT ctid FROM idempotency_keys WHERE actor_id = $1 LIMIT $2)
        RETURNING actor_id
    )
    SELECT count(*) FROM gone
    """,
    # Last, for posts are shown with their author's profile. The handle is anybody's again.
    "WITH gone AS (DELETE FROM profiles WHERE user_id = $1 RETURNING 1) SELECT count(*) FROM gone WHERE $2 > 0",
)
_DECLINED: Final = follow_events_pb2.FollowRequestEnded(declined=True).SerializeToString()


class Traces(Protocol):
    """Copies elsewhere, which would outlive what they are of for some time."""

    async def forget_posts(self, post_ids: Sequence[int], /) -> None:
        """Take copies of posts out, as far as that is possible now."""
        ...

    async def forget_person(self, user_id: int, /) -> None:
        """Take out what is kept for a person, as far as that is possible now."""
        ...


class PostgresErasures:
    """Notes the accounts that are gone out of auth's log, and forgets their people."""

    def __init__(self, pool: PostgresPool, traces: Traces) -> None:
        self._pool = pool
        self._traces = traces

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        """Note the people of a batch with the cursor; CursorMoved when another instance was first."""
        gone = [event.aggregate_id for event in map(_read, batch) if event.WhichOneof("payload") == "account_deleted"]
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            await advance_cursor(connection, CONSUMER, batch)
            if gone:
                await connection.execute(_ASK_SQL, gone)

    async def erase_next(self) -> bool:
        """One pass over one person who is due; whether there was one. AppError UNAVAILABLE without the database."""
        async with unavailable_as_app_error():
            user_id = await self._pool.fetchval(_CLAIM_SQL, _LEASE)
            if user_id is None:
                return False
            for part in (_erase_likes, _undo_reposts, *map(_erase, _PARTS)):
                while await part(self._pool, user_id) == _AT_ONCE:
                    await self._pool.execute(_KEEP_SQL, user_id, _LEASE)
            await self._forget_traces(user_id)
            await self._pool.execute(_PASSED_SQL, user_id, _SECOND_PASS_AFTER, _PASSES)
        return True

    async def _forget_traces(self, user_id: int) -> None:
        """Of all their posts, also of those that an earlier pass deleted: whoever read one before may copy it after."""
        post_ids: list[int] = []
        while post_ids := await self._pool.fetchval(_POST_IDS_SQL, user_id, max(post_ids, default=0), _AT_ONCE):
            await self._traces.forget_posts(post_ids)
            await self._pool.execute(_KEEP_SQL, user_id, _LEASE)
        await self._traces.forget_person(user_id)


def _read(event: StreamEvent) -> events_pb2.Event:
    return events_pb2.Event.FromString(event.data)


def _erase(statement: str) -> Callable[[PostgresPool, int], Awaitable[int]]:
    extra = [_DECLINED] if "$3" in statement else []

    async def erase(pool: PostgresPool, user_id: int) -> int:
        count: int = await pool.fetchval(statement, user_id, _AT_ONCE, *extra)
        return count

    return erase


async def _erase_likes(pool: PostgresPool, user_id: int) -> int:
    rows = await pool.fetch(_LIKES_SQL, user_id, _AT_ONCE)
    payloads = []
    for row in rows:
        unliked = events_pb2.PostUnliked(author_id=row["author_id"])
        unliked.liked_at.FromDatetime(row["created_at"])
        payloads.append(unliked.SerializeToString())
    await pool.execute(
        _UNLIKE_SQL, user_id, [row["post_id"] for row in rows], [row["created_at"] for row in rows], payloads
    )
    return len(rows)


async def _undo_reposts(pool: PostgresPool, user_id: int) -> int:
    rows = await pool.fetch(_REPOSTS_SQL, user_id, _AT_ONCE)
    payloads = [
        events_pb2.PostDeleted(original_id=row["post_id"], original_author_id=row["author_id"]).SerializeToString()
        for row in rows
    ]
    await pool.execute(
        _UNDO_REPOSTS_SQL, user_id, [row["post_id"] for row in rows], [row["repost_id"] for row in rows], payloads
    )
    return len(rows)
