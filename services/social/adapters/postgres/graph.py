"""The graph in Postgres: follows with their events, one statement each."""

from __future__ import annotations

from typing import Final

import asyncpg

from services.chassis.errors import failed_precondition, not_found
from services.chassis.postgres import PostgresPool, unavailable_as_app_error

# The counter is seconds behind, so the limit is soft by as much as one can follow in that time.
_FOLLOW: Final = """
WITH known AS MATERIALIZED (
    SELECT EXISTS (SELECT 1 FROM profiles WHERE user_id = $2) AS followee,
           EXISTS (SELECT 1 FROM profiles WHERE user_id = $1) AS follower,
           coalesce((SELECT following FROM author_counters WHERE user_id = $1), 0) >= $3
               AND NOT EXISTS (SELECT 1 FROM follows WHERE follower_id = $1 AND followee_id = $2) AS "full"
), made AS (
    INSERT INTO follows (follower_id, followee_id)
    SELECT $1, $2 FROM known WHERE followee AND follower AND NOT "full"
    ON CONFLICT DO NOTHING RETURNING created_at
), logged AS (
    INSERT INTO events (kind, aggregate_id, actor_id, occurred_at)
    SELECT 'user_followed', $2, $1, created_at FROM made
)
SELECT followee, follower, "full", EXISTS (SELECT 1 FROM made) AS is_new FROM known
"""
_UNFOLLOW: Final = """
WITH gone AS (
    DELETE FROM follows WHERE follower_id = $1 AND followee_id = $2 RETURNING true
), logged AS (
    INSERT INTO events (kind, aggregate_id, actor_id) SELECT 'user_unfollowed', $2, $1 FROM gone
)
SELECT EXISTS (SELECT 1 FROM profiles WHERE user_id = $2) AS followee, EXISTS (SELECT 1 FROM gone) AS is_gone
"""
_PAGE: Final = """
SELECT (extract(epoch FROM created_at) * 1000000)::bigint, {shown}
FROM follows
WHERE {given} = $1 AND (created_at, {shown}) < ('epoch'::timestamptz + $2 * interval '1 microsecond', $3)
ORDER BY created_at DESC, {shown} DESC
LIMIT $4
"""
_FOLLOWERS: Final = _PAGE.format(shown="follower_id", given="followee_id")
_FOLLOWING: Final = _PAGE.format(shown="followee_id", given="follower_id")
# After every moment that a row can have.
_BEGINNING: Final = (2**52, 0)


class PostgresGraph:
    """Implements application.ports.Graph."""

    def __init__(self, pool: PostgresPool, follow_limit: int) -> None:
        self._pool = pool
        self._follow_limit = follow_limit

    async def follow(self, follower_id: int, followee_id: int) -> bool:
        """Follow; whether it is new."""
        row = await self._write(_FOLLOW, follower_id, followee_id, self._follow_limit)
        if not row["followee"]:
            raise not_found("profile", "PROFILE_NOT_FOUND")
        if not row["follower"]:
            raise failed_precondition("make a profile first", "PROFILE_MISSING")
        if row["full"]:
            raise failed_precondition(f"you follow {self._follow_limit} people", "FOLLOW_LIMIT_REACHED")
        return bool(row["is_new"])

    async def unfollow(self, follower_id: int, followee_id: int) -> bool:
        """Unfollow; whether there was a follow."""
        row = await self._write(_UNFOLLOW, follower_id, followee_id)
        if not row["followee"]:
            raise not_found("profile", "PROFILE_NOT_FOUND")
        return bool(row["is_gone"])

    async def followers(self, user_id: int, after: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
        """(microseconds since 1970, follower), latest first."""
        return await self._page(_FOLLOWERS, user_id, after, limit)

    async def following(self, user_id: int, after: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
        """(microseconds since 1970, followee), latest first."""
        return await self._page(_FOLLOWING, user_id, after, limit)

    async def _write(self, statement: str, *arguments: int) -> asyncpg.Record:
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(statement, *arguments)
        assert row is not None  # noqa: S101 - both statements end in one row
        return row

    async def _page(
        self, statement: str, user_id: int, after: tuple[int, int] | None, limit: int
    ) -> list[tuple[int, int]]:
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(statement, user_id, *(after or _BEGINNING), limit)
        return [(row[0], row[1]) for row in rows]
