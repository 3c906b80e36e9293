"""What no admin does alone, in PostgreSQL: a request, and its approval by another, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from services.auth.adapters.postgres import event_payloads, lifecycle_payloads
from services.auth.adapters.postgres.acting import acting
from services.auth.adapters.postgres.event_writing import write_event
from services.auth.application.admin_ports import Act, WaitingRequest
from services.auth.domain.assurance import Role
from services.chassis.errors import denied, not_found
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

_ROLE, _EVERYTHING = 1, 2
_REQUEST_SQL: Final = """
    INSERT INTO admin_requests (kind, user_id, role, reason, requested_by, requested_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING request_id
"""
# Of approvals at once one holds the row; the others then see it approved.
_TAKE_SQL: Final = """
    SELECT user_id, role, requested_by, approved_by, ended_count FROM admin_requests
    WHERE request_id = $1 AND kind = $2 AND (approved_at IS NOT NULL OR expires_at > $3) FOR UPDATE
"""
_PEEK_SQL: Final = "SELECT user_id FROM admin_requests WHERE request_id = $1 AND kind = $2"
_APPROVE_SQL: Final = """
    UPDATE admin_requests SET approved_by = $2, approved_at = $3, ended_count = $4 WHERE request_id = $1
"""
_GRANT_SQL: Final = "UPDATE accounts SET roles = roles | $2::smallint WHERE user_id = $1 AND status = 1 RETURNING true"
_WAITING_SQL: Final = """
    SELECT request_id, user_id, role, reason, requested_by, expires_at FROM admin_requests
    WHERE kind = 1 AND approved_at IS NULL AND expires_at > $1 ORDER BY requested_at LIMIT $2
"""
_HOLDERS_SQL: Final = "SELECT user_id, roles FROM accounts WHERE roles <> 0 ORDER BY user_id LIMIT $1"
# Not by ended_at, which would tell every service of every session: one word tells of them all.
_EXPIRE_SQL: Final = """
    WITH ended AS (
        UPDATE sessions SET expires_at = $1 WHERE ended_at IS NULL AND expires_at > $1 RETURNING 1
    ), told AS (
        INSERT INTO revocations (issued_before)
        VALUES (date_trunc('second', greatest($1, clock_timestamp())) + $2::interval)
    ), event AS (
        INSERT INTO events (kind, aggregate_id, actor_id, payload) VALUES ('sessions_revoked', 0, $3, $4)
    )
    SELECT count(*) FROM ended
"""
# While the table is locked nobody signs in or refreshes: whoever does next sees what ended. A refresh that only read
# the table could else sign a token that is younger than the word that voids it.
_LOCK_SESSIONS_SQL: Final = "LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE"
_NO_TIMEOUT_SQL: Final = "SET LOCAL statement_timeout = '10min'"
_LONG_S: Final = 600.0
# Tokens count whole seconds, and one may be signed a moment after its session was read.
_SIGNING: Final = timedelta(seconds=2)


class PostgresFourEyes:
    """Requests and approvals of auth's database."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def request_role(self, act: Act, role: Role, reason: str, expires_at: datetime) -> int:
        """Ask for a role; the id of the request."""
        async with acting(self._pool, act) as (connection, _account):
            if act.actor_id == act.user_id:
                raise _four_eyes()
            request_id: int = await connection.fetchval(
                _REQUEST_SQL, _ROLE, act.user_id, role.value, reason, act.actor_id, act.at, expires_at
            )
            payload = lifecycle_payloads.role_requested(role)
            await write_event(connection, lifecycle_payloads.ROLE_REQUESTED, act.user_id, act.actor_id, payload)
        return request_id

    async def approve_role(self, act: Act, request_id: int) -> None:
        """Give the role, once. NOT_FOUND, reason REQUEST_NOT_FOUND; PERMISSION_DENIED, reason FOUR_EYES_NEEDED."""
        async with unavailable_as_app_error():
            user_id = await self._pool.fetchval(_PEEK_SQL, request_id, _ROLE)
        async with acting(self._pool, Act(act.actor_id, user_id or 0, act.at, act.needed)) as (connection, _account):
            request = await _take(connection, act, request_id, _ROLE)
            if request["approved_by"] is not None:
                return
            role, asked_by = Role(request["role"]), request["requested_by"]
            if not await connection.fetchval(_GRANT_SQL, user_id, role.value):
                raise not_found("account", "ACCOUNT_NOT_FOUND")
            await connection.execute(_APPROVE_SQL, request_id, act.actor_id, act.at, None)
            payload = lifecycle_payloads.role_granted(role, asked_by)
            await write_event(connection, lifecycle_payloads.ROLE_GRANTED, user_id, act.actor_id, payload)

    async def waiting(self, act: Act, limit: int) -> Sequence[WaitingRequest]:
        """Requests for roles that wait, oldest first."""
        async with acting(self._pool, act) as (connection, _account):
            rows = await connection.fetch(_WAITING_SQL, act.at, limit)
        return [
            WaitingRequest(
                row["request_id"], row["user_id"], Role(row["role"]), row["reason"], row["requested_by"],
                row["expires_at"],
            )
            for row in rows
        ]  # fmt: skip

    async def holders(self, limit: int) -> Sequence[tuple[int, Role]]:
        """People with roles."""
        async with unavailable_as_app_error():
            return [(row["user_id"], Role(row["roles"])) for row in await self._pool.fetch(_HOLDERS_SQL, limit)]

    async def request_revocation(self, act: Act, reason: str, expires_at: datetime) -> int:
        """Ask for the end of every session; the id of the request."""
        async with acting(self._pool, act) as (connection, _account):
            request_id: int = await connection.fetchval(
                _REQUEST_SQL, _EVERYTHING, None, None, reason, act.actor_id, act.at, expires_at
            )
            kind = lifecycle_payloads.REVOCATION_OF_ALL_REQUESTED
            await write_event(connection, kind, 0, act.actor_id)
        return request_id

    async def approve_revocation(self, act: Act, request_id: int) -> int:
        """End every session, once; how many."""
        async with acting(self._pool, act) as (connection, _account):
            request = await _take(connection, act, request_id, _EVERYTHING)
            if request["approved_by"] is not None:
                return int(request["ended_count"])
            await connection.execute(_NO_TIMEOUT_SQL)
            await connection.execute(_LOCK_SESSIONS_SQL, timeout=_LONG_S)
            ended: int = await connection.fetchval(
                _EXPIRE_SQL, act.at, _SIGNING, act.actor_id, event_payloads.sessions_revoked(0), timeout=_LONG_S
            )
            await connection.execute(_APPROVE_SQL, request_id, act.actor_id, act.at, ended)
        return ended


async def _take(connection: PostgresConnection, act: Act, request_id: int, kind: int) -> asyncpg.Record:
    request = await connection.fetchrow(_TAKE_SQL, request_id, kind, act.at)
    if request is None:
        raise not_found("request", "REQUEST_NOT_FOUND")
    if act.actor_id in {request["requested_by"], request["user_id"]}:
        raise _four_eyes()
    return request


def _four_eyes() -> Exception:
    return denied("another person must do this", "FOUR_EYES_NEEDED")
