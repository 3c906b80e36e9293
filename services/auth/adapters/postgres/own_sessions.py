"""Sessions and devices of one person in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.auth.adapters.postgres import event_payloads
from services.auth.adapters.postgres.event_writing import write_event
from services.auth.adapters.postgres.session_ending import end_all_sessions, end_session, end_sessions
from services.auth.application.session_ports import KnownDevice, LiveSession
from services.auth.domain.assurance import Method, Proof
from services.auth.domain.session import SessionEnd
from services.chassis.postgres import PostgresPool, unavailable_as_app_error

_LIVE_SQL: Final = """
    SELECT session_id, device_name, network, started_at, last_seen_at, expires_at, methods, proved_at
    FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2
    ORDER BY last_seen_at DESC, session_id DESC LIMIT $3
"""
_IS_LIVE_SQL: Final = """
    SELECT EXISTS (
        SELECT FROM sessions WHERE session_id = $2 AND user_id = $1 AND ended_at IS NULL AND expires_at > $3
    )
"""

_IDS_SQL: Final = """
    SELECT session_id FROM sessions
    WHERE user_id = $1 AND session_id <> $2 AND ended_at IS NULL AND ($3::bytea IS NULL OR device_hash = $3)
    ORDER BY session_id
"""
_FORGET_DEVICE_SQL: Final = "DELETE FROM devices WHERE user_id = $1 AND device_hash = $2 RETURNING true"

# The account's row is locked first: a session that is being opened waits, or is seen and ended.
_LOCK_SQL: Final = "SELECT epoch FROM accounts WHERE user_id = $1 FOR NO KEY UPDATE"
_DEVICES_SQL: Final = """
    SELECT device_hash, name, first_seen_at, last_seen_at FROM devices
    WHERE user_id = $1 ORDER BY last_seen_at DESC, device_hash LIMIT $2
"""


class PostgresOwnSessions:
    """The sessions and devices of auth's database."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def live(self, user_id: int, now: datetime, limit: int) -> Sequence[LiveSession]:
        """The sessions that have not ended, last used first."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_LIVE_SQL, user_id, now, limit)
        return [
            LiveSession(
                session_id=row["session_id"],
                device_name=row["device_name"],
                network=row["network"],
                started_at=row["started_at"],
                last_seen_at=row["last_seen_at"],
                expires_at=row["expires_at"],
                proof=Proof(Method(row["methods"]), row["proved_at"]),
            )
            for row in rows
        ]

    async def is_live(self, user_id: int, session_id: int, now: datetime) -> bool:
        """Whether the session is the user's and has not ended."""
        async with unavailable_as_app_error():
            return bool(await self._pool.fetchval(_IS_LIVE_SQL, user_id, session_id, now))

    async def end_one(self, user_id: int, session_id: int, at: datetime, cause: SessionEnd) -> bool:
        """End the user's session with its event, once; whether it was this call that did."""
        async with unavailable_as_app_error():
            return await end_session(self._pool, session_id, user_id, cause, at)

    async def end_others(self, user_id: int, kept_session_id: int, at: datetime, cause: SessionEnd) -> int:
        """End all but one, each with its event, in one statement; how many."""
        async with unavailable_as_app_error():
            ids = [row["session_id"] for row in await self._pool.fetch(_IDS_SQL, user_id, kept_session_id, None)]
            return await end_sessions(self._pool, user_id, user_id, ids, cause, at)

    async def revoke_all(self, user_id: int, actor_id: int, at: datetime, cause: SessionEnd) -> int:
        """End all and move the epoch, with one event, in one transaction; how many sessions."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            epoch = await connection.fetchval(_LOCK_SQL, user_id)
            if epoch is None:
                return 0
            return await end_all_sessions(connection, user_id, actor_id, epoch, cause, at)

    async def devices(self, user_id: int, limit: int) -> Sequence[KnownDevice]:
        """The devices, last used first."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_DEVICES_SQL, user_id, limit)
        return [KnownDevice(*row) for row in rows]

    async def forget_device(self, user_id: int, digest: bytes, at: datetime) -> int:
        """Forget the device and end its sessions, with their events, in one transaction; how many sessions."""
        cause = SessionEnd.DEVICE_FORGOTTEN
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            ids = [row["session_id"] for row in await connection.fetch(_IDS_SQL, user_id, 0, digest)]
            ended = await end_sessions(connection, user_id, user_id, ids, cause, at)
            if await connection.fetchval(_FORGET_DEVICE_SQL, user_id, digest):
                payload = event_payloads.device_forgotten()
                await write_event(connection, event_payloads.DEVICE_FORGOTTEN, user_id, user_id, payload)
        return ended
