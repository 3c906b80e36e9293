"""Sessions and refresh tokens in PostgreSQL: each change is one statement, its event included."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg

from services.auth.adapters.postgres.accounts import NEW_ID_SQL
from services.auth.adapters.postgres.purging import purge
from services.auth.adapters.postgres.session_ending import end_session
from services.auth.adapters.postgres.session_opening import (
    account_closed_as_app_error,
    open_session_sql,
    session_arguments,
    started_session,
)
from services.auth.application.ports import NewSession, Replayed, Rotated, Rotation, StartedSession
from services.auth.domain.assurance import Method, Proof, Role, Scope
from services.auth.domain.session import SessionEnd, StoredRefreshToken
from services.chassis.postgres import PostgresPool, unavailable_as_app_error

_START_SQL: Final = f"SELECT epoch, roles FROM {open_session_sql(2, '$1')}"

# Of `sessions s` joined with `accounts a` by user_id.
SESSION_COLUMNS: Final = "s.session_id, s.user_id, s.methods, s.proved_at, s.scopes, a.epoch, a.roles, s.key_thumbprint"

# Of any number of callers with one token the row lock lets one through; the others then see used_at and change nothing.
_ROTATE_SQL: Final = f"""
    WITH used AS (
        UPDATE refresh_tokens t SET used_at = $2, successor_hash = $3, successor_sealed = $4
        FROM sessions s JOIN accounts a ON a.user_id = s.user_id
        WHERE t.token_hash = $1 AND t.used_at IS NULL AND t.expires_at > $2 AND a.status = 1
            AND s.session_id = t.session_id AND s.ended_at IS NULL AND s.expires_at > $2 AND s.key_thumbprint = $6
        RETURNING s.session_id, least($5, s.expires_at) AS successor_expires_at
    ), seen AS (
        UPDATE sessions s SET last_seen_at = $2 FROM used WHERE s.session_id = used.session_id
    ), successor AS (
        INSERT INTO refresh_tokens (token_hash, session_id, expires_at)
        SELECT $3, session_id, successor_expires_at FROM used
    )
    SELECT used.successor_expires_at, {SESSION_COLUMNS}
    FROM used JOIN sessions s USING (session_id) JOIN accounts a ON a.user_id = s.user_id
"""

_FIND_REPLAYED_SQL: Final = f"""
    SELECT {SESSION_COLUMNS}, t.expires_at, t.used_at, s.expires_at AS session_expires_at,
        coalesce(s.ended_at, CASE WHEN a.status <> 1 THEN t.used_at END) AS session_ended_at,
        t.successor_sealed, n.expires_at AS successor_expires_at
    FROM refresh_tokens t JOIN sessions s USING (session_id) JOIN accounts a ON a.user_id = s.user_id
    LEFT JOIN refresh_tokens n ON n.token_hash = t.successor_hash
    WHERE t.token_hash = $1
"""

_PURGE_TOKENS_SQL: Final = """
    DELETE FROM refresh_tokens WHERE token_hash IN (
        SELECT token_hash FROM refresh_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""

_PURGE_SQL: Final = """
    DELETE FROM sessions WHERE session_id IN (
        SELECT session_id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""


class PostgresSessions:
    """The sessions of auth's database."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def start(self, user_id: int, session: NewSession) -> StartedSession:
        """Start a session."""
        async with account_closed_as_app_error(), self._pool.acquire() as connection:
            session_id: int = await connection.fetchval(NEW_ID_SQL)
            row = await connection.fetchrow(_START_SQL, user_id, *session_arguments(session_id, session))
        return started_session(user_id, session_id, session, row)

    async def rotate(self, rotation: Rotation) -> Rotated | None:
        """Exchange a live, unused refresh token; None when there is none such."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(
                _ROTATE_SQL,
                rotation.presented_hash,
                rotation.at,
                rotation.successor_hash,
                rotation.successor_sealed,
                rotation.successor_expires_at,
                rotation.key_thumbprint,
            )
        return None if row is None else Rotated(session_of(row), row["successor_expires_at"])

    async def find_replayed(self, token_hash: bytes) -> Replayed | None:
        """What became of a refresh token; None when it was never given out."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_FIND_REPLAYED_SQL, token_hash)
        if row is None:
            return None
        token = StoredRefreshToken(
            session_id=row["session_id"],
            user_id=row["user_id"],
            expires_at=row["expires_at"],
            used_at=row["used_at"],
            session_expires_at=row["session_expires_at"],
            session_ended_at=row["session_ended_at"],
        )
        return Replayed(token, session_of(row), row["successor_sealed"], row["successor_expires_at"])

    async def end(self, session_id: int, user_id: int, cause: SessionEnd, at: datetime) -> bool:
        """End the user's session, once; whether it was this call that did. A revocation is the system's act."""
        async with unavailable_as_app_error():
            return await end_session(self._pool, session_id, user_id, cause, at)

    async def purge(self, expired_before: datetime, limit: int) -> int:
        """Forget at most `limit` sessions that expired before, their tokens included; how many."""
        return await purge(self._pool, _PURGE_SQL, expired_before, limit)

    async def purge_tokens(self, expired_before: datetime, limit: int) -> int:
        """Forget at most `limit` refresh tokens that expired before, used or not; how many."""
        return await purge(self._pool, _PURGE_TOKENS_SQL, expired_before, limit)


def session_of(row: asyncpg.Record) -> StartedSession:
    """The live session of a row with SESSION_COLUMNS."""
    return StartedSession(
        user_id=row["user_id"],
        session_id=row["session_id"],
        proof=Proof(Method(row["methods"]), row["proved_at"]),
        scopes=Scope(row["scopes"]),
        epoch=row["epoch"],
        roles=Role(row["roles"]),
        key_thumbprint=row["key_thumbprint"],
    )
