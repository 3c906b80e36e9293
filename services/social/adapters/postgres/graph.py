"""The graph in Postgres: follows with their events, one statement each."""

from __future__ import annotations

from typing import Final

from services.chassis.errors import denied, failed_precondition, not_found
from services.chassis.postgres import PostgresPool
from services.social.adapters.postgres.pair_lock import pair_locked
from services.social.adapters.postgres.people_pages import page_statement, people_page
from services.social.adapters.postgres.visibility import asks, blocks_between, follows

# The counter is seconds behind, so the limit is soft by as much as one can follow in that time. Who follows already, or
# waits, is not refused for it.
_FOLLOW: Final = f"""
WITH known AS MATERIALIZED (
    SELECT EXISTS (SELECT 1 FROM profiles WHERE user_id = $2) AS followee,
           EXISTS (SELECT 1 FROM profiles WHERE user_id = $1) AS follower,
           {blocks_between("$1", "$2")} AS blocked,
           {follows("$1", "$2")} AS follows,
           coalesce((SELECT is_private FROM profiles WHERE user_id = $2), false) AS is_private,
           coalesce((SELECT following FROM author_counters WHERE user_id = $1), 0)
               + (SELECT count(*) FROM follow_requests WHERE follower_id = $1) >= $3
               AND NOT {follows("$1", "$2")} AND NOT {asks("$1", "$2")} AS "full"
), wanted AS (
    SELECT is_private FROM known WHERE followee AND follower AND NOT "full" AND NOT blocked AND NOT follows
), made AS (
    INSERT INTO follows (follower_id, followee_id) SELECT $1, $2 FROM wanted WHERE NOT is_private
    ON CONFLICT DO NOTHING RETURNING created_at
), asked AS (
    INSERT INTO follow_requests (follower_id, followee_id) SELECT $1, $2 FROM wanted WHERE is_private
    ON CONFLICT DO NOTHING RETURNING created_at
), met AS (
    DELETE FROM follow_requests USING wanted WHERE NOT is_private AND follower_id = $1 AND followee_id = $2
), logged AS (
    INSERT INTO events (kind, aggregate_id, actor_id, occurred_at)
    SELECT 'user_followed', $2, $1, created_at FROM made
    UNION ALL
    SELECT 'follow_requested', $2, $1, created_at FROM asked
)
SELECT followee, follower, blocked, "full", EXISTS (SELECT 1 FROM made) AS is_new FROM known
"""
_UNFOLLOW: Final = """
WITH gone AS (
    DELETE FROM follows WHERE follower_id = $1 AND followee_id = $2 RETURNING true
), taken_back AS (
    DELETE FROM follow_requests WHERE follower_id = $1 AND followee_id = $2 RETURNING true
), logged AS (
    INSERT INTO events (kind, aggregate_id, actor_id)
    SELECT 'user_unfollowed', $2, $1 FROM gone
    UNION ALL
    SELECT 'follow_request_ended', $2, $1 FROM taken_back
)
SELECT EXISTS (SELECT 1 FROM profiles WHERE user_id = $2) AS followee, EXISTS (SELECT 1 FROM gone) AS is_gone
"""
_FOLLOWERS: Final = page_statement("follows", "followee_id", "follower_id")
_FOLLOWING: Final = page_statement("follows", "follower_id", "followee_id")


class PostgresGraph:
    """Implements application.ports.Graph."""

    def __init__(self, pool: PostgresPool, follow_limit: int) -> None:
        self._pool = pool
        self._follow_limit = follow_limit

    async def follow(self, follower_id: int, followee_id: int) -> bool:
        """Follow, or ask to when the followee is private; whether there is a new follow."""
        async with pair_locked(self._pool, follower_id, followee_id) as connection:
            row = await connection.fetchrow(_FOLLOW, follower_id, followee_id, self._follow_limit)
        assert row is not None  # noqa: S101 - the statement ends in one row
        if not row["followee"]:
            raise not_found("profile", "PROFILE_NOT_FOUND")
        if not row["follower"]:
            raise failed_precondition("make a profile first", "PROFILE_MISSING")
        if row["blocked"]:
            raise denied("one of you blocks the other", "BLOCKED")
        if row["full"]:
            raise failed_precondition(f"you follow {self._follow_limit} people", "FOLLOW_LIMIT_REACHED")
        return bool(row["is_new"])

    async def unfollow(self, follower_id: int, followee_id: int) -> bool:
        """Unfollow, or take the request back; whether there was a follow."""
        async with pair_locked(self._pool, follower_id, followee_id) as connection:
            row = await connection.fetchrow(_UNFOLLOW, follower_id, followee_id)
        assert row is not None  # noqa: S101 - the statement ends in one row
        if not row["followee"]:
            raise not_found("profile", "PROFILE_NOT_FOUND")
        return bool(row["is_gone"])

    async def followers(self, user_id: int, after: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
        """(microseconds since 1970, follower), latest first."""
        return await people_page(self._pool, _FOLLOWERS, user_id, after, limit)

    async def following(self, user_id: int, after: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
        """(microseconds since 1970, followee), latest first."""
        return await people_page(self._pool, _FOLLOWING, user_id, after, limit)
