"""Profiles in Postgres, with their counts and their events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import asyncpg

from daira.events.v1 import follow_events_pb2
from services.chassis.errors import already_exists, not_found
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.social.adapters.postgres.pair_lock import privacy_locked
from services.social.adapters.postgres.visibility import asks, follows, sees_profile
from services.social.application.records import Profile

_CREATE: Final = """
WITH made AS (
    INSERT INTO profiles (user_id, handle, display_name, bio) SELECT $1, $2, $3, $4
    WHERE NOT EXISTS (SELECT 1 FROM erasures WHERE user_id = $1)
    ON CONFLICT (user_id) DO NOTHING RETURNING user_id
), logged AS (
    INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id)
    SELECT 'profile_created', user_id, 1, user_id FROM made
)
SELECT user_id FROM made
"""
# An update that changes nothing writes nothing.
_UPDATE: Final = """
WITH changed AS (
    UPDATE profiles SET display_name = coalesce($2, display_name), bio = coalesce($3, bio)
    WHERE user_id = $1 AND (display_name, bio) IS DISTINCT FROM (coalesce($2, display_name), coalesce($3, bio))
    RETURNING user_id
), logged AS (
    INSERT INTO events (kind, aggregate_id, actor_id) SELECT 'profile_updated', user_id, user_id FROM changed
)
SELECT true FROM profiles WHERE user_id = $1
"""
_SET_PRIVACY: Final = """
WITH changed AS (
    UPDATE profiles SET is_private = $2 WHERE user_id = $1 AND is_private <> $2 RETURNING user_id
)
INSERT INTO events (kind, aggregate_id, actor_id, payload)
SELECT 'author_privacy_changed', user_id, user_id, $3 FROM changed
"""
# Of a public person: so many at a time, that no transaction holds the event log back for long.
_ACCEPT: Final = """
WITH answered AS (
    DELETE FROM follow_requests WHERE followee_id = $1 AND follower_id IN (
        SELECT follower_id FROM follow_requests WHERE followee_id = $1
        AND EXISTS (SELECT 1 FROM profiles WHERE user_id = $1 AND NOT is_private)
        ORDER BY created_at, follower_id LIMIT $2
    ) RETURNING follower_id
), made AS (
    INSERT INTO follows (follower_id, followee_id) SELECT follower_id, $1 FROM answered
    ON CONFLICT DO NOTHING RETURNING follower_id, created_at
), logged AS (
    INSERT INTO events (kind, aggregate_id, actor_id, occurred_at)
    SELECT 'user_followed', $1, follower_id, created_at FROM made
)
SELECT count(*) FROM answered
"""
_ACCEPTED_AT_ONCE: Final = 500
_BY_IDS: Final = f"""
SELECT p.user_id, p.handle, p.display_name, p.bio, p.created_at,
       coalesce(c.followers, 0), coalesce(c.following, 0), coalesce(c.posts, 0),
       {follows("$2", "p.user_id")}, p.is_private, {asks("$2", "p.user_id")}
FROM profiles p LEFT JOIN author_counters c USING (user_id)
WHERE p.user_id = ANY($1) AND ($3 OR {sees_profile("$2", "p.user_id")})
"""


class PostgresProfiles:
    """Implements application.ports.Profiles."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def create(self, profile: Profile) -> None:
        """Make the profile; the same again is no error."""
        fields = (profile.handle, profile.display_name, profile.bio)
        async with unavailable_as_app_error():
            try:
                made = await self._pool.fetchval(_CREATE, profile.user_id, *fields)
            except asyncpg.UniqueViolationError as error:
                raise already_exists("the handle belongs to somebody else", "HANDLE_TAKEN") from error
            if made is not None:
                return
            there = await self._pool.fetchrow(
                "SELECT handle, display_name, bio FROM profiles WHERE user_id = $1", profile.user_id
            )
        if there is None or tuple(there) != fields:
            raise already_exists("you have a profile already; update it instead", "HANDLE_TAKEN")

    async def update(self, user_id: int, display_name: str | None, bio: str | None) -> None:
        """Change what is given."""
        async with unavailable_as_app_error():
            there = await self._pool.fetchval(_UPDATE, user_id, display_name, bio)
        if there is None:
            raise not_found("profile", "PROFILE_NOT_FOUND")

    async def set_privacy(self, user_id: int, *, is_private: bool) -> None:
        """Go private, or public; then whoever asked to follow follows. Cut off on the way, a repeat goes on."""
        payload = follow_events_pb2.AuthorPrivacyChanged(is_private=is_private).SerializeToString()
        async with privacy_locked(self._pool, user_id) as connection:
            await connection.execute(_SET_PRIVACY, user_id, is_private, payload)
        accepted = 0 if is_private else _ACCEPTED_AT_ONCE
        while accepted == _ACCEPTED_AT_ONCE:
            async with privacy_locked(self._pool, user_id) as connection:
                accepted = await connection.fetchval(_ACCEPT, user_id, _ACCEPTED_AT_ONCE)

    async def by_ids(self, user_ids: Sequence[int], viewer_id: int, *, even_of_blockers: bool = False) -> list[Profile]:
        """The profiles found, in the order of the ids; those of people who block the viewer only when asked for."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_BY_IDS, list(user_ids), viewer_id, even_of_blockers)
        found = {row[0]: Profile(*row) for row in rows}
        return [found[user_id] for user_id in user_ids if user_id in found]

    async def id_of_handle(self, handle: str) -> int | None:
        """The account with the handle."""
        async with unavailable_as_app_error():
            user_id: int | None = await self._pool.fetchval("SELECT user_id FROM profiles WHERE handle = $1", handle)
        return user_id
