"""Ends of accounts in PostgreSQL: whoever asks, cancels, signs in or erases takes the account's row first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.auth.adapters.postgres import lifecycle_payloads
from services.auth.adapters.postgres.session_ending import end_sessions
from services.auth.application.account_ports import AccountState
from services.auth.domain.attempts import Guess
from services.auth.domain.device import Device
from services.auth.domain.identifier import Identifier, IdentifierKind
from services.auth.domain.session import SessionEnd
from services.chassis.errors import token_revoked
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

_STATE_SQL: Final = """
    SELECT coalesce(email, '') AS email, phone IS NOT NULL AND phone_proved_at IS NOT NULL AS is_phone_proved,
        email IS NOT NULL AND email_verified_at IS NOT NULL AS is_email_verified, d.due_at AS deletion_due_at
    FROM accounts a LEFT JOIN deletion_requests d USING (user_id) WHERE a.user_id = $1 AND a.status <> 3
"""
_LOCK_SQL: Final = "SELECT phone, email, epoch FROM accounts WHERE user_id = $1 AND status <> 3 FOR NO KEY UPDATE"
_REQUEST_SQL: Final = """
    WITH made AS (
        INSERT INTO deletion_requests (user_id, requested_at, due_at) VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING RETURNING user_id
    )
    INSERT INTO events (kind, aggregate_id, actor_id, payload) SELECT $4, user_id, user_id, $5 FROM made
"""
_DUE_AT_SQL: Final = "SELECT due_at FROM deletion_requests WHERE user_id = $1"
_LIVE_SQL: Final = "SELECT session_id FROM sessions WHERE user_id = $1 AND session_id <> $2 AND ended_at IS NULL"
_CANCEL_SQL: Final = """
    WITH cancelled AS (
        DELETE FROM deletion_requests WHERE user_id = $1 RETURNING user_id
    )
    INSERT INTO events (kind, aggregate_id, actor_id) SELECT $2, user_id, user_id FROM cancelled RETURNING true
"""
_DUE_SQL: Final = "SELECT user_id FROM deletion_requests WHERE due_at <= $1 ORDER BY due_at LIMIT $2"
_TAKE_SQL: Final = "DELETE FROM deletion_requests WHERE user_id = $1 AND due_at <= $2 RETURNING true"
_FORGET_GUESSES_SQL: Final = "DELETE FROM password_guesses WHERE subject = ANY($1::bytea[])"
_FORGET_INBOX_SQL: Final = "DELETE FROM sandbox_inbox WHERE phone = ANY($1::text[])"
_DEVICES_SQL: Final = "SELECT device_hash FROM devices WHERE user_id = $1"
_ERASE_SQL: Final = "SELECT erase_personal_rows($1)"
_TOMBSTONE_SQL: Final = """
    WITH gone AS (
        UPDATE accounts SET status = 3, epoch = epoch + 1, roles = 0, phone = NULL, email = NULL, password_hash = NULL,
            register_key = '', phone_proved_at = NULL, email_verified_at = NULL
        WHERE user_id = $1 RETURNING user_id
    )
    INSERT INTO events (kind, aggregate_id) SELECT $2, user_id FROM gone
"""


class PostgresClosing:
    """The ends of auth's accounts."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def state(self, user_id: int) -> AccountState | None:
        """How the account stands; None for one that is deleted."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_STATE_SQL, user_id)
        return None if row is None else AccountState(*row)

    async def request(self, user_id: int, session_id: int, now: datetime, due_at: datetime) -> tuple[datetime, int]:
        """Ask for deletion, with its event, and end all sessions but one; when it is due, and how many ended."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            if await connection.fetchrow(_LOCK_SQL, user_id) is None:
                raise token_revoked()
            payload = lifecycle_payloads.deletion_requested(due_at)
            await connection.execute(_REQUEST_SQL, user_id, now, due_at, lifecycle_payloads.DELETION_REQUESTED, payload)
            due: datetime = await connection.fetchval(_DUE_AT_SQL, user_id)
            cause = SessionEnd.ACCOUNT_CLOSED
            ids = [row[0] for row in await connection.fetch(_LIVE_SQL, user_id, session_id)]
            ended = await end_sessions(connection, user_id, user_id, ids, cause, now)
        return due, ended

    async def cancel(self, user_id: int) -> bool:
        """Forget the request, with its event; whether there was one."""
        async with unavailable_as_app_error():
            return bool(await self._pool.fetchval(_CANCEL_SQL, user_id, lifecycle_payloads.DELETION_CANCELLED))

    async def due(self, now: datetime, limit: int) -> Sequence[int]:
        """Users whose grace is over."""
        async with unavailable_as_app_error():
            return [row["user_id"] for row in await self._pool.fetch(_DUE_SQL, now, limit)]

    async def erase(self, user_id: int, now: datetime) -> bool:
        """Erase everything but the id, with its event, in one transaction; False when it is not due any more."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            account = await connection.fetchrow(_LOCK_SQL, user_id)
            # Who signed in a moment ago took the request away.
            if account is None or not await connection.fetchval(_TAKE_SQL, user_id, now):
                return False
            await connection.execute(
                _FORGET_GUESSES_SQL, await guess_subjects(connection, user_id, account["phone"], account["email"])
            )
            await connection.execute(_FORGET_INBOX_SQL, [name for name in account[:2] if name])
            await connection.execute(_ERASE_SQL, user_id)
            await connection.execute(_TOMBSTONE_SQL, user_id, lifecycle_payloads.ACCOUNT_DELETED)
        return True


async def guess_subjects(
    connection: PostgresConnection, user_id: int, phone: str | None, email: str | None
) -> list[bytes]:
    """What wrong passwords of the account are counted by: strangers' and its own devices', under each name."""
    digests = [b"", *(row["device_hash"] for row in await connection.fetch(_DEVICES_SQL, user_id))]
    names = [
        Identifier(kind, value)
        for kind, value in ((IdentifierKind.PHONE, phone), (IdentifierKind.EMAIL, email))
        if value
    ]
    guesses = [Guess(name, Device(digest)) for name in names for digest in digests]
    return [guess.strangers_subject() for guess in guesses] + [guess.device_subject() for guess in guesses]
