"""What a post's cached part lacks: its counts when the feature table has forgotten them, and the viewer's own marks."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from services.chassis.postgres import PostgresPool, unavailable_as_app_error


class Mark(Enum):
    """What a viewer did to a post; the value is its table."""

    LIKE = "likes"
    REPOST = "reposts"


_MARKED: Final = {mark: f"SELECT post_id FROM {mark.value} WHERE user_id = $1 AND post_id = ANY($2)" for mark in Mark}
_NEWEST_MARKED: Final = {
    mark: f"SELECT post_id FROM {mark.value} WHERE user_id = $1 ORDER BY post_id DESC LIMIT $2" for mark in Mark
}
_COUNTS: Final = "SELECT post_id, likes, reposts FROM post_counters WHERE post_id = ANY($1)"


class PostgresPostViews:
    """Reads by key. AppError UNAVAILABLE when Postgres is away."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def marked(self, mark: Mark, viewer_id: int, post_ids: Sequence[int]) -> set[int]:
        """Those of the posts that the viewer marked."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_MARKED[mark], viewer_id, list(post_ids))
        return {row[0] for row in rows}

    async def newest_marked(self, mark: Mark, viewer_id: int, limit: int) -> list[int]:
        """The newest posts that the viewer marked, newest first."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_NEWEST_MARKED[mark], viewer_id, limit)
        return [row[0] for row in rows]

    async def counts(self, post_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Likes and reposts of those posts that have any."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_COUNTS, list(post_ids))
        return {row[0]: (row[1], row[2]) for row in rows}
