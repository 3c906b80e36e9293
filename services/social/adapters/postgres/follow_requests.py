"""Requests to follow somebody private, and follows that the followee ends, in Postgres with their events."""

from __future__ import annotations

from typing import Final

from daira.events.v1 import follow_events_pb2
from services.chassis import idempotency
from services.chassis.errors import not_found
from services.chassis.postgres import PostgresPool
from services.social.adapters.postgres.pair_lock import pair_locked
from services.social.adapters.postgres.people_pages import page_statement, people_page
from services.social.application.records import IdempotentCall

_METHOD: Final = "AnswerFollowRequest"
_ANSWER: Final = """
WITH answered AS (
    DELETE FROM follow_requests WHERE follower_id = $2 AND followee_id = $1 RETURNING true
), made AS (
    INSERT INTO follows (follower_id, followee_id) SELECT $2, $1 FROM answered WHERE $3
    ON CONFLICT DO NOTHING RETURNING created_at
), logged AS (
    INSERT INTO events (kind, aggregate_id, actor_id, payload, occurred_at)
    SELECT 'user_followed', $1, $2, ''::bytea, created_at FROM made
    UNION ALL
    SELECT 'follow_request_ended', $1, $2, $4, clock_timestamp() FROM answered WHERE NOT $3
)
SELECT EXISTS (SELECT 1 FROM answered)
"""
_REMOVE: Final = """
WITH gone AS (
    DELETE FROM follows WHERE follower_id = $2 AND followee_id = $1 RETURNING true
), logged AS (
    INSERT INTO events (kind, aggregate_id, actor_id) SELECT 'user_unfollowed', $1, $2 FROM gone
)
SELECT EXISTS (SELECT 1 FROM profiles WHERE user_id = $2) AS follower, EXISTS (SELECT 1 FROM gone) AS is_gone
"""
_WAITING: Final = page_statement("follow_requests", "followee_id", "follower_id")
_DECLINED: Final = follow_events_pb2.FollowRequestEnded(declined=True).SerializeToString()


class PostgresFollowRequests:
    """Implements application.ports.FollowRequests."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def answer(self, followee_id: int, follower_id: int, call: IdempotentCall, *, accept: bool) -> None:
        """Accept or decline; the same call again is no error."""
        async with pair_locked(self._pool, followee_id, follower_id) as connection:
            claimed = await idempotency.claim(connection, followee_id, _METHOD, call.key, call.body_hash)
            if claimed is not None:
                return
            if not await connection.fetchval(_ANSWER, followee_id, follower_id, accept, _DECLINED):
                # Which gives the key back: the request may yet come.
                raise not_found("follow request", "FOLLOW_REQUEST_NOT_FOUND")

    async def remove_follower(self, followee_id: int, follower_id: int) -> bool:
        """End a follow from the other side; whether there was one."""
        async with pair_locked(self._pool, followee_id, follower_id) as connection:
            row = await connection.fetchrow(_REMOVE, followee_id, follower_id)
        assert row is not None  # noqa: S101 - the statement ends in one row
        if not row["follower"]:
            raise not_found("profile", "PROFILE_NOT_FOUND")
        return bool(row["is_gone"])

    async def waiting(self, user_id: int, after: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
        """(microseconds since 1970, who asks to follow), latest first."""
        return await people_page(self._pool, _WAITING, user_id, after, limit)
