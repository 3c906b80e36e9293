"""What fills a feature table out of Postgres: posts with their counters, affinities, relations, as of one snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error
from services.social.adapters.projector import CONSUMER as PROJECTOR
from services.social.application.feed.ports import FeatureRow

if TYPE_CHECKING:
    from services.social.adapters.native_ranker import NativeRanker

_CHUNK: Final = 20_000
_ROW: Final = """
p.id, p.author_id, p.kind, coalesce(c.likes, 0), coalesce(c.reposts, 0), coalesce(c.opens, 0),
coalesce(c.impressions, 0), coalesce(c.report_trust, 0), p.spam, p.original_id
"""
_POSTS: Final = f"""
SELECT {_ROW} FROM posts p LEFT JOIN post_counters c ON c.post_id = p.id
WHERE p.deleted_at IS NULL
ORDER BY p.id DESC LIMIT $1
"""
_POSTS_BY_ID: Final = f"""
SELECT coalesce((SELECT pos FROM consumer_cursors WHERE consumer = $2), 0), {_ROW}
FROM posts p LEFT JOIN post_counters c ON c.post_id = p.id
WHERE p.id = ANY($1) AND p.deleted_at IS NULL
"""
_FOLLOWERS: Final = "SELECT user_id, followers FROM author_counters WHERE followers > 0"
_AFFINITIES: Final = """
SELECT viewer_id, author_id, weight, (extract(epoch FROM as_of) * 1000)::bigint FROM affinities WHERE weight > 0
"""
_BLOCKS: Final = "SELECT blocker_id, blocked_id FROM blocks"
_MUTES: Final = "SELECT muter_id, muted_id FROM mutes"
_PRIVATE: Final = "SELECT user_id FROM profiles WHERE is_private"
# Oldest first: the table keeps the newest of each viewer.
_REPORTS: Final = "SELECT user_id, post_id FROM reports ORDER BY post_id"
# Reading all of it may take longer than any other transaction may; PostgreSQL before 17 has no such limit.
_NO_TIME_LIMIT: Final = """
SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN ('statement_timeout', 'transaction_timeout')
"""


class PostgresFeatures:
    """Reads of the store of record. AppError UNAVAILABLE when it is away."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def fill(self, ranker: NativeRanker) -> int:
        """Fill an empty table from one snapshot; the position up to which its counters stand.

        Relations, privacy and reports may be ahead of that position: events that say them again change nothing.
        """
        async with (
            unavailable_as_app_error(),
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(_NO_TIME_LIMIT)
            pos = await connection.fetchval("SELECT pos FROM consumer_cursors WHERE consumer = $1", PROJECTOR)
            await _fill_posts(connection, ranker)
            async for rows in _chunks(connection, _FOLLOWERS):
                ranker.set_followers(rows)
            async for rows in _chunks(connection, _AFFINITIES):
                ranker.set_affinities(rows)
            async for rows in _chunks(connection, _REPORTS):
                ranker.add_viewer_reports(rows)
            async for rows in _chunks(connection, _BLOCKS):
                for blocker_id, blocked_id in rows:
                    ranker.blocked(blocker_id, blocked_id, on=True)
            async for rows in _chunks(connection, _MUTES):
                for muter_id, muted_id in rows:
                    ranker.muted(muter_id, muted_id, on=True)
            async for rows in _chunks(connection, _PRIVATE):
                for (user_id,) in rows:
                    ranker.went_private(user_id, on=True)
        return pos or 0

    async def posts(self, post_ids: list[int]) -> tuple[list[FeatureRow], int]:
        """Those of the posts that are not deleted, and the position up to which their counters stand."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_POSTS_BY_ID, post_ids, PROJECTOR)
        return [FeatureRow(*tuple(row)[1:]) for row in rows], rows[0][0] if rows else 0


async def _fill_posts(connection: PostgresConnection, ranker: NativeRanker) -> None:
    """The newest posts, as many as the table holds."""
    filled = 0
    async for rows in _chunks(connection, _POSTS, ranker.max_posts):
        ranker.add([FeatureRow(*row) for row in rows])
        filled += len(rows)
        if filled >= ranker.max_posts:
            ranker.raise_floor(rows[-1][0])


async def _chunks(
    connection: PostgresConnection, statement: str, *arguments: object
) -> AsyncIterator[list[tuple[Any, ...]]]:
    """Rows of a statement by the chunk, so that a large table never stands in memory twice."""
    cursor = await connection.cursor(statement, *arguments)
    while rows := await cursor.fetch(_CHUNK):
        yield [tuple(row) for row in rows]
