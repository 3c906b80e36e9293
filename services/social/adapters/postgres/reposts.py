"""Reposts in Postgres: the pair of person and post, the repost as a post of its own, and its event in one statement."""

from __future__ import annotations

from typing import Final

from daira.events.v1 import events_pb2
from services.chassis.errors import failed_precondition
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.social.adapters.postgres.posts import SHOWN, known_id
from services.social.application.records import Original
from services.social.domain.post import PostKind, post_not_found, shard_of_author

_FOUND: Final = f"""
WITH original AS MATERIALIZED ({SHOWN})
SELECT id, author_id, stays_among_some, EXISTS (SELECT 1 FROM profiles WHERE user_id = $2) FROM original
"""
_ORIGINAL: Final = """
SELECT o.id, o.author_id
FROM posts p JOIN posts o ON o.id = CASE p.original_id WHEN 0 THEN p.id ELSE p.original_id END
WHERE p.id = $1
"""
_REPOST: Final = """
WITH made AS (
    INSERT INTO reposts (user_id, post_id, repost_id)
    SELECT $2, id, daira_id($3) FROM posts WHERE id = $1 AND deleted_at IS NULL
    ON CONFLICT DO NOTHING RETURNING repost_id
), posted AS (
    INSERT INTO posts (id, author_id, body, language, kind, original_id)
    SELECT repost_id, $2, '', 'und', $4, $1 FROM made
), logged AS (
    INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
    SELECT 'post_created', repost_id, 1, $2, $5 FROM made
)
SELECT repost_id FROM made
"""
_REPOST_OF: Final = "SELECT repost_id FROM reposts WHERE user_id = $1 AND post_id = $2"
# Only the repost that was read: one made anew in between has another id and stays.
_UNDO: Final = """
WITH gone AS (
    DELETE FROM reposts WHERE user_id = $2 AND post_id = $1 AND repost_id = $3 RETURNING repost_id
), taken_out AS (
    UPDATE posts SET deleted_at = clock_timestamp() WHERE id = $3 AND EXISTS (SELECT 1 FROM gone)
)
INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
SELECT 'post_deleted', repost_id, 2, $2, $4 FROM gone
"""


class PostgresReposts:
    """Implements application.ports.Reposts."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def repost(self, post_id: int, user_id: int) -> tuple[Original, int]:
        """Pass on, once; what is passed on, and the id of the repost."""
        async with unavailable_as_app_error():
            found = await self._pool.fetchrow(_FOUND, known_id(post_id), user_id)
        if found is None:
            raise post_not_found()
        original_id, author_id, stays_among_some, has_profile = found
        if stays_among_some:
            raise failed_precondition(
                "a private author's post, or one for subscribers, is not passed on", "REPOST_NOT_ALLOWED"
            )
        if not has_profile:
            raise failed_precondition("make a profile first", "PROFILE_MISSING")
        payload = events_pb2.PostCreated(
            language="und", kind=PostKind.REPOST, original_id=original_id, original_author_id=author_id
        ).SerializeToString()
        shard = shard_of_author(user_id)
        async with unavailable_as_app_error():
            repost_id = await self._pool.fetchval(_REPOST, original_id, user_id, shard, PostKind.REPOST, payload)
            if repost_id is None:
                repost_id = await self._pool.fetchval(_REPOST_OF, user_id, original_id)
        if repost_id is None:
            # Deleted, or taken back again, between the statements.
            raise post_not_found()
        return Original(original_id, author_id), repost_id

    async def undo(self, post_id: int, user_id: int) -> tuple[Original, int]:
        """No longer pass on; what was passed on, and the id of the repost that is gone, 0 when there was none."""
        async with unavailable_as_app_error():
            found = await self._pool.fetchrow(_ORIGINAL, known_id(post_id))
            if found is None:
                raise post_not_found()
            original = Original(*found)
            repost_id: int | None = await self._pool.fetchval(_REPOST_OF, user_id, original.post_id)
            if repost_id is None:
                return original, 0
            payload = events_pb2.PostDeleted(
                original_id=original.post_id, original_author_id=original.author_id
            ).SerializeToString()
            await self._pool.execute(_UNDO, original.post_id, user_id, repost_id, payload)
        return original, repost_id
