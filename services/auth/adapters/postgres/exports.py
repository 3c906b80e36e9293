"""Copies of what auth holds about a person, in PostgreSQL: made under a lease, kept sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from services.auth.adapters.postgres import lifecycle_payloads
from services.auth.adapters.postgres.purging import purge
from services.auth.application.account_ports import ExportChunk
from services.auth.domain.assurance import Method, Role, Scope
from services.chassis.errors import token_revoked
from services.chassis.postgres import PostgresPool, unavailable_as_app_error

# Twins meet at the unique index of exports that are being made, or at the account's row.
_LOCK_SQL: Final = "SELECT true FROM accounts WHERE user_id = $1 AND status <> 3 FOR NO KEY UPDATE"
_FRESH_SQL: Final = """
    SELECT export_id FROM exports WHERE user_id = $1 AND (ready_at IS NULL OR requested_at > $2)
    ORDER BY export_id DESC LIMIT 1
"""
_REQUEST_SQL: Final = """
    WITH made AS (
        INSERT INTO exports (user_id, requested_at, leased_until) VALUES ($1, $2, $2) RETURNING export_id, user_id
    ), told AS (
        INSERT INTO events (kind, aggregate_id, actor_id) SELECT $3, user_id, user_id FROM made
    )
    SELECT export_id FROM made
"""
_CLAIM_SQL: Final = """
    UPDATE exports SET leased_until = $2 WHERE export_id = (
        SELECT export_id FROM exports WHERE ready_at IS NULL AND leased_until <= $1
        ORDER BY leased_until LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING export_id, user_id
"""
_STORE_SQL: Final = """
    WITH ready AS (
        UPDATE exports SET ready_at = $3, expires_at = $4 WHERE export_id = $1 AND user_id = $2 AND ready_at IS NULL
        RETURNING export_id, user_id
    ), kept AS (
        INSERT INTO export_chunks (export_id, chunk, sealed)
        SELECT export_id, place - 1, sealed FROM ready, unnest($5::bytea[]) WITH ORDINALITY AS p (sealed, place)
    )
    INSERT INTO events (kind, aggregate_id) SELECT $6, user_id FROM ready RETURNING true
"""
_CHUNK_SQL: Final = """
    SELECT c.sealed, (SELECT count(*) FROM export_chunks n WHERE n.export_id = e.export_id) AS chunks, e.expires_at
    FROM exports e LEFT JOIN export_chunks c ON c.export_id = e.export_id AND c.chunk = $3
    WHERE e.export_id = $1 AND e.user_id = $2 AND (e.expires_at IS NULL OR e.expires_at > $4)
"""
_PURGE_SQL: Final = """
    DELETE FROM exports WHERE export_id IN (
        SELECT export_id FROM exports WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""
_ACCOUNT_SQL: Final = """
    SELECT user_id, phone, email, created_at, phone_proved_at, email_verified_at, status, roles,
        password_hash IS NOT NULL AS has_password FROM accounts WHERE user_id = $1
"""
_SESSIONS_SQL: Final = """
    SELECT session_id, device_name, network, started_at, last_seen_at, expires_at, ended_at, methods, scopes
    FROM sessions WHERE user_id = $1 ORDER BY session_id
"""
_DEVICES_SQL: Final = "SELECT name, first_seen_at, last_seen_at FROM devices WHERE user_id = $1 ORDER BY first_seen_at"
# What was written about the person: by its kind and time, which is what is held for long.
_EVENTS_SQL: Final = """
    SELECT kind, actor_id = $1 AS is_own_act, occurred_at FROM events WHERE aggregate_id = $1 ORDER BY seq
"""


class PostgresExports:
    """The exports of auth's database."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def request(self, user_id: int, now: datetime, fresh_after: datetime) -> int:
        """The id of the export that is being made or was asked for after a moment, else of a new one."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(_LOCK_SQL, user_id):
                raise token_revoked()
            export_id: int | None = await connection.fetchval(_FRESH_SQL, user_id, fresh_after)
            if export_id is None:
                export_id = await connection.fetchval(_REQUEST_SQL, user_id, now, lifecycle_payloads.EXPORT_REQUESTED)
        if export_id is None:
            raise RuntimeError("a new export has no id")
        return export_id

    async def claim(self, now: datetime, leased_until: datetime) -> tuple[int, int] | None:
        """An export to make and its user, nobody else's until then; None when there is none."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_CLAIM_SQL, now, leased_until)
        return None if row is None else (row["export_id"], row["user_id"])

    async def collect(self, user_id: int) -> Mapping[str, Any]:
        """What auth holds about the user, without secrets, ready for JSON."""
        async with (
            unavailable_as_app_error(),
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            account = await connection.fetchrow(_ACCOUNT_SQL, user_id)
            sessions = await connection.fetch(_SESSIONS_SQL, user_id)
            devices = await connection.fetch(_DEVICES_SQL, user_id)
            events = await connection.fetch(_EVENTS_SQL, user_id)
        return {
            "format": "daira-export-1",
            "service": "auth",
            "account": _plain(account) if account is not None else {},
            "sessions": [_plain(row) for row in sessions],
            "devices": [_plain(row) for row in devices],
            "events": [_plain(row) for row in events],
        }

    async def store(self, export_id: int, user_id: int, parts: Sequence[bytes], now: datetime, until: datetime) -> bool:
        """Keep the sealed parts, with the event; False when somebody else did, or the account is gone."""
        async with unavailable_as_app_error():
            kind = lifecycle_payloads.EXPORT_READY
            return bool(await self._pool.fetchval(_STORE_SQL, export_id, user_id, now, until, parts, kind))

    async def chunk(self, export_id: int, user_id: int, chunk: int, now: datetime) -> ExportChunk | None:
        """A part of the user's own export; None when there is no such export."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_CHUNK_SQL, export_id, user_id, chunk, now)
        return None if row is None else ExportChunk(*row)

    async def purge(self, ended_before: datetime, limit: int) -> int:
        """Forget at most `limit` exports that expired before; how many."""
        return await purge(self._pool, _PURGE_SQL, ended_before, limit)


_FLAGS: Final = {"methods": Method, "scopes": Scope, "roles": Role}


def _plain(row: asyncpg.Record) -> dict[str, Any]:
    """The row as JSON has it: times in ISO 8601, ids as text (JavaScript's numbers are too short), flags by name."""
    plain: dict[str, Any] = {}
    for name, value in row.items():
        if name in _FLAGS:
            plain[name] = [str(flag.name).lower() for flag in _FLAGS[name](value)]
        elif isinstance(value, datetime):
            plain[name] = value.isoformat()
        elif name.endswith("_id"):
            plain[name] = str(value)
        else:
            plain[name] = value
    return plain
