"""Copies of what is held about a person, in PostgreSQL: asked for, looked at, and read in sealed chunks."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from services.auth.adapters.postgres import lifecycle_payloads
from services.auth.adapters.postgres.purging import purge
from services.auth.application.export_ports import EXPORTED_SERVICES, ExportChunk, ExportState, PartState
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
    ), parts AS (
        INSERT INTO export_parts (export_id, service, place, due_at)
        SELECT export_id, service, place, $2 FROM made, unnest($4::text[]) WITH ORDINALITY AS s (service, place)
    ), told AS (
        INSERT INTO events (kind, aggregate_id, actor_id) SELECT $3, user_id, user_id FROM made
    )
    SELECT export_id FROM made
"""
_STATE_SQL: Final = """
    SELECT export_id, requested_at, expires_at, chunks FROM exports
    WHERE user_id = $2 AND $1::bigint IN (0, export_id) AND (expires_at IS NULL OR expires_at > $3)
    ORDER BY export_id DESC LIMIT 1
"""
_PARTS_SQL: Final = """
    SELECT service, records, failures, done_at IS NOT NULL AS is_done FROM export_parts
    WHERE export_id = $1 ORDER BY place
"""
_CHUNK_SQL: Final = """
    SELECT c.sealed, e.chunks, e.expires_at
    FROM exports e LEFT JOIN export_chunks c ON c.export_id = e.export_id AND c.chunk = $3
    WHERE e.export_id = $1 AND e.user_id = $2 AND (e.expires_at IS NULL OR e.expires_at > $4)
"""
_PURGE_SQL: Final = """
    DELETE FROM exports WHERE export_id IN (
        SELECT export_id FROM exports WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""


class PostgresExports:
    """The exports of auth's database, as people see them."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def request(self, user_id: int, now: datetime, fresh_after: datetime) -> int:
        """The id of the export that is being made or was asked for after a moment, else of a new one."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(_LOCK_SQL, user_id):
                raise token_revoked()
            export_id: int | None = await connection.fetchval(_FRESH_SQL, user_id, fresh_after)
            if export_id is None:
                kind = lifecycle_payloads.EXPORT_REQUESTED
                export_id = await connection.fetchval(_REQUEST_SQL, user_id, now, kind, EXPORTED_SERVICES)
        if export_id is None:
            raise RuntimeError("a new export has no id")
        return export_id

    async def state(self, export_id: int, user_id: int, now: datetime) -> ExportState | None:
        """How far the user's own export is, the newest when the id is 0; None when there is none."""
        async with (
            unavailable_as_app_error(),
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            row = await connection.fetchrow(_STATE_SQL, export_id, user_id, now)
            if row is None:
                return None
            parts = await connection.fetch(_PARTS_SQL, row["export_id"])
        return ExportState(
            row["export_id"],
            row["requested_at"],
            row["expires_at"],
            row["chunks"],
            [PartState(*part) for part in parts],
        )

    async def chunk(self, export_id: int, user_id: int, chunk: int, now: datetime) -> ExportChunk | None:
        """A chunk of the user's own export; None when there is no such export."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_CHUNK_SQL, export_id, user_id, chunk, now)
        return None if row is None else ExportChunk(*row)

    async def purge(self, ended_before: datetime, limit: int) -> int:
        """Forget at most `limit` exports that expired before; how many."""
        return await purge(self._pool, _PURGE_SQL, ended_before, limit)
