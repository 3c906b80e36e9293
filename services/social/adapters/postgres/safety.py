"""Blocks, mutes and muted words in Postgres, each change with its events in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from daira.events.v1 import follow_events_pb2
from services.chassis.errors import not_found
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.social.adapters.postgres.pair_lock import pair_locked
from services.social.adapters.postgres.people_pages import page_statement, people_page

# Whoever asks to follow the blocker is declined by the block; the blocker's own request is taken back.
_BLOCK: Final = """
WITH known AS MATERIALIZED (
    SELECT EXISTS (SELECT 1 FROM profiles WHERE user_id = $2) AS blocked
), made AS (
    INSERT INTO blocks (blocker_id, blocked_id) SELECT $1, $2 FROM known WHERE blocked
    ON CONFLICT DO NOTHING RETURNING created_at
), unfollowed AS (
    DELETE FROM follows USING known
    WHERE blocked AND (follower_id, followee_id) IN (($1, $2), ($2, $1)) RETURNING follower_id, followee_id
), refused AS (
    DELETE FROM follow_requests USING known
    WHERE blocked AND (follower_id, followee_id) IN (($1, $2), ($2, $1)) RETURNING follower_id, followee_id
), logged AS (
    INSERT INTO events (kind, aggregate_id, actor_id, payload, occurred_at)
    SELECT 'user_blocked', $2, $1, ''::bytea, created_at FROM made
    UNION ALL
    SELECT 'user_unfollowed', followee_id, follower_id, ''::bytea, clock_timestamp() FROM unfollowed
    UNION ALL
    SELECT 'follow_request_ended', followee_id, follower_id, CASE WHEN followee_id = $1 THEN $3 ELSE ''::bytea END,
           clock_timestamp()
    FROM refused
)
SELECT blocked, EXISTS (SELECT 1 FROM made) AS is_new FROM known
"""
_MUTE: Final = """
WITH known AS MATERIALIZED (
    SELECT EXISTS (SELECT 1 FROM profiles WHERE user_id = $2) AS muted
), made AS (
    INSERT INTO mutes (muter_id, muted_id) SELECT $1, $2 FROM known WHERE muted
    ON CONFLICT DO NOTHING RETURNING created_at
), logged AS (
    INSERT INTO events (kind, aggregate_id, actor_id, occurred_at) SELECT 'user_muted', $2, $1, created_at FROM made
)
SELECT muted FROM known
"""
_UNDO: Final = """
WITH gone AS (
    DELETE FROM {table} WHERE {actor} = $1 AND {other} = $2 RETURNING true
), logged AS (
    INSERT INTO events (kind, aggregate_id, actor_id) SELECT '{event}', $2, $1 FROM gone
)
SELECT EXISTS (SELECT 1 FROM profiles WHERE user_id = $2)
"""
_UNBLOCK: Final = _UNDO.format(table="blocks", actor="blocker_id", other="blocked_id", event="user_unblocked")
_UNMUTE: Final = _UNDO.format(table="mutes", actor="muter_id", other="muted_id", event="user_unmuted")
# The same words again change nothing.
_SET_WORDS: Final = """
WITH changed AS (
    INSERT INTO muted_words AS m (user_id, words) VALUES ($1, $2)
    ON CONFLICT (user_id) DO UPDATE SET words = excluded.words WHERE m.words <> excluded.words
    RETURNING user_id
)
INSERT INTO events (kind, aggregate_id, actor_id) SELECT 'muted_words_changed', user_id, user_id FROM changed
"""
_WORDS: Final = "SELECT words FROM muted_words WHERE user_id = $1"
_BLOCKED: Final = page_statement("blocks", "blocker_id", "blocked_id")
_MUTED: Final = page_statement("mutes", "muter_id", "muted_id")
_DECLINED: Final = follow_events_pb2.FollowRequestEnded(declined=True).SerializeToString()


class PostgresSafety:
    """Implements application.ports.Safety."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def block(self, blocker_id: int, blocked_id: int) -> bool:
        """Block, and end what follows and requests there are between the two; whether the block is new."""
        async with pair_locked(self._pool, blocker_id, blocked_id) as connection:
            row = await connection.fetchrow(_BLOCK, blocker_id, blocked_id, _DECLINED)
        assert row is not None  # noqa: S101 - the statement ends in one row
        _known(row["blocked"])
        return bool(row["is_new"])

    async def unblock(self, blocker_id: int, blocked_id: int) -> None:
        """Block no longer."""
        await self._write(_UNBLOCK, blocker_id, blocked_id)

    async def mute(self, muter_id: int, muted_id: int) -> None:
        """Mute."""
        await self._write(_MUTE, muter_id, muted_id)

    async def unmute(self, muter_id: int, muted_id: int) -> None:
        """Mute no longer."""
        await self._write(_UNMUTE, muter_id, muted_id)

    async def set_muted_words(self, user_id: int, words: Sequence[str]) -> None:
        """Replace the words."""
        async with unavailable_as_app_error():
            await self._pool.execute(_SET_WORDS, user_id, list(words))

    async def muted_words(self, user_id: int) -> list[str]:
        """The words in the order they were given."""
        async with unavailable_as_app_error():
            return list(await self._pool.fetchval(_WORDS, user_id) or ())

    async def blocked(self, user_id: int, after: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
        """(microseconds since 1970, person blocked), latest first."""
        return await people_page(self._pool, _BLOCKED, user_id, after, limit)

    async def muted(self, user_id: int, after: tuple[int, int] | None, limit: int) -> list[tuple[int, int]]:
        """(microseconds since 1970, person muted), latest first."""
        return await people_page(self._pool, _MUTED, user_id, after, limit)

    async def _write(self, statement: str, actor_id: int, other_id: int) -> None:
        async with unavailable_as_app_error():
            _known(await self._pool.fetchval(statement, actor_id, other_id))


def _known(is_known: object) -> None:
    if not is_known:
        raise not_found("profile", "PROFILE_NOT_FOUND")
