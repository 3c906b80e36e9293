"""Acts of admins on accounts in PostgreSQL: each is one transaction, its event included."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg

from services.auth.adapters.postgres import lifecycle_payloads
from services.auth.adapters.postgres.acting import acting
from services.auth.adapters.postgres.closing import guess_subjects
from services.auth.adapters.postgres.event_writing import write_event
from services.auth.adapters.postgres.session_ending import end_all_sessions
from services.auth.application.admin_ports import Act, FoundAccount
from services.auth.domain.assurance import Role
from services.auth.domain.identifier import Identifier, IdentifierKind
from services.auth.domain.session import SessionEnd
from services.chassis.errors import AppError, failed_precondition, not_found
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

_COLUMN: Final = {IdentifierKind.PHONE: "phone", IdentifierKind.EMAIL: "email"}
_FIND_SQL: Final = "SELECT user_id FROM accounts WHERE {column} = $1"
_DETAILS_SQL: Final = """
    SELECT coalesce(s.reason, 0) AS reason, s.until, d.due_at, (
        SELECT count(*) FROM sessions l WHERE l.user_id = $1 AND l.ended_at IS NULL AND l.expires_at > $2
    ) AS sessions
    FROM (VALUES ($1::bigint)) AS a (user_id)
    LEFT JOIN suspensions s USING (user_id) LEFT JOIN deletion_requests d USING (user_id)
"""
_SUSPEND_SQL: Final = """
    WITH said AS (
        INSERT INTO suspensions (user_id, reason, suspended_by, suspended_at, until) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (user_id) DO UPDATE SET reason = excluded.reason, suspended_by = excluded.suspended_by,
            suspended_at = excluded.suspended_at, until = excluded.until
    )
    UPDATE accounts SET status = 2 WHERE user_id = $1
"""
_LIFT_SQL: Final = """
    WITH lifted AS (
        DELETE FROM suspensions WHERE user_id = $1
    ), restored AS (
        UPDATE accounts SET status = 1 WHERE user_id = $1 AND status = 2 RETURNING user_id
    )
    INSERT INTO events (kind, aggregate_id, actor_id) SELECT $2, user_id, $3 FROM restored RETURNING true
"""
_DUE_SQL: Final = """
    SELECT a.user_id FROM suspensions s JOIN accounts a USING (user_id) WHERE s.until <= $1
    ORDER BY s.until LIMIT $2 FOR NO KEY UPDATE OF a SKIP LOCKED
"""
_STILL_DUE_SQL: Final = "SELECT true FROM suspensions WHERE user_id = $1 AND until <= $2"
_FORGET_SQL: Final = "DELETE FROM password_guesses WHERE subject = ANY($1::bytea[])"
# The epoch moves: tokens that say the role are void, and the next refresh says what is left.
_REVOKE_ROLE_SQL: Final = "UPDATE accounts SET roles = roles & ~$2::smallint, epoch = epoch + 1 WHERE user_id = $1"


class PostgresAdministration:
    """Acts on auth's accounts."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def look_up(self, actor_id: int, key: Identifier | int, at: datetime, needed: Role) -> FoundAccount:
        """The account with the name or id; that it was looked at is an event."""
        user_id = key if isinstance(key, int) else await self._find(key)
        # Whoever may not look learns nothing of whether the name exists: their roles are asked first.
        async with acting(self._pool, Act(actor_id, user_id or actor_id, at, needed)) as (connection, account):
            if not user_id or account is None:
                raise not_found("account", "ACCOUNT_NOT_FOUND")
            details = await connection.fetchrow(_DETAILS_SQL, user_id, at)
            if details is None:
                raise RuntimeError("a row of values is missing")
            await write_event(connection, lifecycle_payloads.ACCOUNT_LOOKED_UP, user_id, actor_id)
        return FoundAccount(
            user_id=user_id,
            phone=account["phone"] or "",
            email=account["email"] or "",
            status=account["status"],
            roles=Role(account["roles"]),
            created_at=account["created_at"],
            suspension_reason=details["reason"],
            suspended_until=details["until"],
            deletion_due_at=details["due_at"],
            sessions=details["sessions"],
        )

    async def suspend(self, act: Act, reason: int, until: datetime | None) -> int:
        """Suspend the account and end its sessions; how many. ACCOUNT_PROTECTED for people with roles."""
        async with acting(self._pool, act) as (connection, found):
            account = _present(found)
            if account["roles"]:
                raise _protected()
            await connection.execute(_SUSPEND_SQL, act.user_id, reason, act.actor_id, act.at, until)
            payload = lifecycle_payloads.account_suspended(reason, until)
            await write_event(connection, lifecycle_payloads.ACCOUNT_SUSPENDED, act.user_id, act.actor_id, payload)
            return await _end_all(connection, act, account["epoch"])

    async def lift(self, act: Act) -> bool:
        """Restore a suspended account; whether it was suspended."""
        async with acting(self._pool, act) as (connection, _account):
            lifted = await connection.fetchval(
                _LIFT_SQL, act.user_id, lifecycle_payloads.ACCOUNT_RESTORED, act.actor_id
            )
        return bool(lifted)

    async def end_sessions(self, act: Act) -> int:
        """End all sessions; how many."""
        async with acting(self._pool, act) as (connection, account):
            return await _end_all(connection, act, _present(account)["epoch"])

    async def unlock(self, act: Act) -> None:
        """Forget wrong passwords."""
        async with acting(self._pool, act) as (connection, found):
            account = _present(found)
            subjects = await guess_subjects(connection, act.user_id, account["phone"], account["email"])
            await connection.execute(_FORGET_SQL, subjects)
            await write_event(connection, lifecycle_payloads.SIGN_IN_UNLOCKED, act.user_id, act.actor_id)

    async def revoke_role(self, act: Act, role: Role) -> bool:
        """Take a role away; whether the person had it."""
        async with acting(self._pool, act) as (connection, account):
            if not _present(account)["roles"] & role.value:
                return False
            await connection.execute(_REVOKE_ROLE_SQL, act.user_id, role.value)
            payload = lifecycle_payloads.role_revoked(role)
            await write_event(connection, lifecycle_payloads.ROLE_REVOKED, act.user_id, act.actor_id, payload)
        return True

    async def lift_due(self, at: datetime, limit: int) -> int:
        """Restore at most `limit` accounts whose suspension is over; how many."""
        lifted = 0
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            for row in await connection.fetch(_DUE_SQL, at, limit):
                # Suspended for longer while the row's lock was waited for: the lock shows what is true now.
                if await connection.fetchval(_STILL_DUE_SQL, row["user_id"], at):
                    await connection.fetchval(_LIFT_SQL, row["user_id"], lifecycle_payloads.ACCOUNT_RESTORED, 0)
                    lifted += 1
        return lifted

    async def _find(self, name: Identifier) -> int:
        async with unavailable_as_app_error():
            found = await self._pool.fetchval(_FIND_SQL.format(column=_COLUMN[name.kind]), name.value)
        return found or 0


async def _end_all(connection: PostgresConnection, act: Act, epoch: int) -> int:
    return await end_all_sessions(connection, act.user_id, act.actor_id, epoch, SessionEnd.ENDED_BY_ADMIN, act.at)


def _present(account: asyncpg.Record | None) -> asyncpg.Record:
    if account is None:
        raise not_found("account", "ACCOUNT_NOT_FOUND")
    return account


def _protected() -> AppError:
    return failed_precondition("people with roles lose those first", "ACCOUNT_PROTECTED")
