"""The feed's reads of the store of record."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.social.application.feed.ports import Following

_FAN_IN_FOLLOWEES: Final = """
SELECT f.followee_id FROM author_counters c JOIN follows f ON f.followee_id = c.user_id AND f.follower_id = $1
WHERE c.merged
"""
_FOLLOWING: Final = """
SELECT ARRAY(SELECT followee_id FROM follows WHERE follower_id = $1),
       (SELECT coalesce(max(pos), 0) FROM event_positions)
"""
# For each author the newest few by index, then the newest of all: never a scan of everybody's posts.
_NEWEST: Final = """
SELECT p.id
FROM (SELECT followee_id AS author_id FROM follows WHERE follower_id = $1 UNION ALL SELECT $1) a
CROSS JOIN LATERAL (
    SELECT id FROM posts WHERE author_id = a.author_id AND id < $2 AND deleted_at IS NULL ORDER BY id DESC LIMIT $3
) p
ORDER BY p.id DESC LIMIT $3
"""
# The same without reposts, which bring posts up while they are hot and nothing more.
_OLDER: Final = """
SELECT p.id
FROM (
    SELECT followee_id AS author_id FROM follows WHERE follower_id = $1 AND followee_id <> ALL($4)
    UNION ALL SELECT $1
) a
CROSS JOIN LATERAL (
    SELECT id FROM posts
    WHERE author_id = a.author_id AND id < $2 AND deleted_at IS NULL AND original_id = 0 AND id <> ALL($5)
    ORDER BY id DESC LIMIT $3
) p
ORDER BY p.id DESC LIMIT $3
"""
_OF_AUTHOR: Final = """
SELECT id FROM posts
WHERE author_id = $1 AND id < $2 AND deleted_at IS NULL AND original_id = 0 ORDER BY id DESC LIMIT $3
"""


class PostgresFeedStore:
    """Implements application.feed.ports.FeedStore."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def fan_in_followees(self, viewer_id: int) -> list[int]:
        """Authors above the border, or lately back below it, whom the viewer follows."""
        return await self._ids(_FAN_IN_FOLLOWEES, viewer_id)

    async def following(self, viewer_id: int) -> Following:
        """Everybody whom the viewer follows, and the head of the log as of the same snapshot."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_FOLLOWING, viewer_id)
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        return Following(row[0], row[1])

    async def newest(self, viewer_id: int, before_id: int, limit: int) -> list[int]:
        """The newest posts and reposts of followees and of the viewer below an id."""
        return await self._ids(_NEWEST, viewer_id, before_id, limit)

    async def older(
        self, viewer_id: int, before_id: int, limit: int, *, without_authors: Collection[int], without: Collection[int]
    ) -> list[int]:
        """The newest posts of followees and of the viewer below an id, some left out."""
        return await self._ids(_OLDER, viewer_id, before_id, limit, list(without_authors), list(without))

    async def of_author(self, author_id: int, before_id: int, limit: int) -> list[int]:
        """The newest posts, no reposts, of an author below an id."""
        return await self._ids(_OF_AUTHOR, author_id, before_id, limit)

    async def _ids(self, statement: str, *arguments: int | list[int]) -> list[int]:
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(statement, *arguments)
        return [row[0] for row in rows]
