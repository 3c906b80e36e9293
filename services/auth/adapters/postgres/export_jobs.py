"""Exports that are being made, in PostgreSQL: claimed under a lease, and moved on step by step.

Every statement that acts on a claim moves the export's step first, which only the last one to act can: a maker whose
lease passed, or whose person is gone, changes nothing, whatever it has read meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.auth.adapters.postgres import lifecycle_payloads
from services.auth.application.export_ports import ClaimedExport, DuePart
from services.chassis.postgres import PostgresPool, unavailable_as_app_error

_CLAIM_SQL: Final = """
    UPDATE exports SET leased_until = $2, steps = steps + 1 WHERE export_id = (
        SELECT export_id FROM exports WHERE ready_at IS NULL AND leased_until <= $1
        ORDER BY leased_until LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING export_id, user_id, requested_at, steps, chunks
"""
_DUE_PART_SQL: Final = """
    SELECT service, page_token, failures FROM export_parts
    WHERE export_id = $1 AND done_at IS NULL AND due_at <= $2 ORDER BY place LIMIT 1
"""
_KEEP_SQL: Final = """
    WITH moved AS (
        UPDATE exports SET steps = steps + 1, chunks = chunks + cardinality($4::bytea[]), leased_until = $8
        WHERE export_id = $1 AND steps = $2 AND ready_at IS NULL RETURNING export_id, chunks
    ), part AS (
        UPDATE export_parts p SET page_token = $6, records = p.records + $5, failures = 0,
            done_at = CASE $6::text WHEN '' THEN $7::timestamptz END
        FROM moved WHERE p.export_id = moved.export_id AND p.service = $3
    ), kept AS (
        INSERT INTO export_chunks (export_id, chunk, sealed)
        SELECT export_id, chunks - cardinality($4::bytea[]) + place - 1, sealed
        FROM moved, unnest($4::bytea[]) WITH ORDINALITY AS c (sealed, place)
    )
    SELECT true FROM moved
"""
_POSTPONE_SQL: Final = """
    WITH moved AS (
        UPDATE exports SET steps = steps + 1
        WHERE export_id = $1 AND steps = $2 AND ready_at IS NULL RETURNING export_id
    ), part AS (
        UPDATE export_parts p SET failures = p.failures + 1, due_at = $4
        FROM moved WHERE p.export_id = moved.export_id AND p.service = $3
    )
    SELECT true FROM moved
"""
_FINISH_SQL: Final = """
    WITH ready AS (
        UPDATE exports e SET steps = steps + 1, ready_at = $3, expires_at = $4
        WHERE export_id = $1 AND steps = $2 AND ready_at IS NULL AND (
            requested_at <= $5
            OR NOT EXISTS (SELECT FROM export_parts p WHERE p.export_id = e.export_id AND p.done_at IS NULL)
        ) RETURNING user_id
    )
    INSERT INTO events (kind, aggregate_id) SELECT $6, user_id FROM ready RETURNING true
"""
# Nobody waits longer than for the next part, nor for longer than until what there is has to do.
_WAIT_SQL: Final = """
    UPDATE exports e SET steps = steps + 1, leased_until = least(e.requested_at + ($3::timestamptz - $4::timestamptz),
        greatest($3, (SELECT min(due_at) FROM export_parts p WHERE p.export_id = e.export_id AND p.done_at IS NULL)))
    WHERE export_id = $1 AND steps = $2 AND ready_at IS NULL
"""


class PostgresExportJobs:
    """The exports of auth's database, as their makers see them."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def claim(self, now: datetime, leased_until: datetime) -> ClaimedExport | None:
        """The export that waits longest, nobody else's until then; None when none is due."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_CLAIM_SQL, now, leased_until)
        return None if row is None else ClaimedExport(*row)

    async def due_part(self, export_id: int, now: datetime) -> DuePart | None:
        """The first part that is not done and may be asked for now."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_DUE_PART_SQL, export_id, now)
        return None if row is None else DuePart(*row)

    async def keep(
        self,
        claim: ClaimedExport,
        part: DuePart,
        chunks: Sequence[bytes],
        records: int,
        next_token: str,
        now: datetime,
        leased_until: datetime,
    ) -> bool:
        """Keep a page as sealed chunks and move the part on, in one statement; False when the claim is not ours."""
        async with unavailable_as_app_error():
            kept = await self._pool.fetchval(
                _KEEP_SQL, claim.export_id, claim.step, part.service, chunks, records, next_token, now, leased_until
            )
        return bool(kept)

    async def postpone(self, claim: ClaimedExport, part: DuePart, now: datetime, until: datetime) -> bool:
        """Count a failure of the part's service, which is asked again then; False when the claim is not ours."""
        async with unavailable_as_app_error():
            return bool(
                await self._pool.fetchval(_POSTPONE_SQL, claim.export_id, claim.step, part.service, max(now, until))
            )

    async def finish(self, claim: ClaimedExport, now: datetime, expires_at: datetime, give_up_before: datetime) -> bool:
        """Make the export ready, with its event, or let it wait for its next part; whether it is ready."""
        async with unavailable_as_app_error():
            ready = await self._pool.fetchval(
                _FINISH_SQL, claim.export_id, claim.step, now, expires_at, give_up_before,
                lifecycle_payloads.EXPORT_READY,
            )  # fmt: skip
            if not ready:
                await self._pool.execute(_WAIT_SQL, claim.export_id, claim.step, now, give_up_before)
        return bool(ready)
