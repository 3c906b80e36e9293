"""What a post's cached part lacks: its likes, and whether the viewer likes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.chassis.postgres import PostgresPool, unavailable_as_app_error

_LIKED: Final = "SELECT post_id FROM likes WHERE user_id = $1 AND post_id = ANY($2)"
_LIKES: Final = "SELECT post_id, likes FROM post_counters WHERE post_id = ANY($1)"


class PostgresPostViews:
    """Reads by key. AppError UNAVAILABLE when Postgres is away."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def liked(self, post_ids: Sequence[int], viewer_id: int) -> set[int]:
        """Those of the posts that the viewer likes."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_LIKED, viewer_id, list(post_ids))
        return {row[0] for row in rows}

    async def likes(self, post_ids: Sequence[int]) -> dict[int, int]:
        """Like counts of those posts that have any."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_LIKES, list(post_ids))
        return {row[0]: row[1] for row in rows}
