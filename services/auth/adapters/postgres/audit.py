"""The audit log in PostgreSQL, for those who write what is no event and those who read their own."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from services.auth.adapters.postgres.audit_keys import ensure_subject_keys, read_subject_keys
from services.auth.adapters.postgres.audit_rows import session_of
from services.auth.adapters.subject_key_box import SubjectKeyBox, open_detail, seal_detail
from services.auth.application.audit_ports import AuditDetail, AuditEntry
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

# A person's refusals of one kind in an hour are one row and one count; and no more than so many people's an hour are
# written at all, however many names somebody tries.
REFUSAL_WINDOW: Final = timedelta(hours=1)
REFUSALS_AN_HOUR: Final = 10_000

_AUDIT_SQL: Final = "SELECT audit($1, $2, $3, $4)"
_REFUSAL_SQL: Final = "SELECT is_first, counted_on FROM audit_refusal($1, $2, $3, $4, $5)"
_CLOSE_SQL: Final = "SELECT audit_close_refusals($1, $2)"
_ENTRIES_SQL: Final = """
    SELECT l.seq, l.kind, l.occurred_at, l.actor_id, l.payload, l.detail, l.repeats, s.detail AS added
    FROM audit_log l LEFT JOIN audit_seals s ON s.log_seq = l.seq AND s.recorded_at = l.recorded_at
    WHERE l.subject_id = $1 AND l.seq < $2 ORDER BY l.seq DESC LIMIT $3
"""
# Of rows of the last seconds, which are not sealed yet, the session itself still knows.
_SESSIONS_SQL: Final = """
    SELECT session_id, network, device_name FROM sessions WHERE session_id = ANY($1::bigint[]) AND user_id = $2
"""


class PostgresAuditTrail:
    """The audit log of auth's database."""

    def __init__(self, pool: PostgresPool, root_key: bytes) -> None:
        self._pool = pool
        self._box = SubjectKeyBox(root_key)

    async def record(self, kind: str, subject_id: int, actor_id: int, detail: AuditDetail) -> None:
        """Write one row, in a transaction of its own."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            await self.record_within(connection, kind, subject_id, actor_id, detail)

    async def record_within(
        self, connection: PostgresConnection, kind: str, subject_id: int, actor_id: int, detail: AuditDetail
    ) -> None:
        """The same in the caller's transaction: the act and its row, or neither."""
        sealed = b""
        if subject_id > 0 and detail != AuditDetail():
            key = (await ensure_subject_keys(connection, self._box, [subject_id])).get(subject_id)
            sealed = b"" if key is None else seal_detail(key, subject_id, detail)
        await connection.execute(_AUDIT_SQL, kind, subject_id, actor_id, sealed)

    async def refuse(self, kind: str, subject_id: int, detail: AuditDetail, now: datetime) -> None:
        """Count a refusal, and write it when it is the first of its window."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            counted = await connection.fetchrow(_REFUSAL_SQL, kind, subject_id, now, REFUSAL_WINDOW, REFUSALS_AN_HOUR)
            if counted is not None and counted["is_first"]:
                await self.record_within(connection, kind, counted["counted_on"], 0, detail)

    async def close_refusals(self, began_before: datetime, limit: int) -> int:
        """Write the counts of at most `limit` windows that began before, and forget them; how many."""
        async with unavailable_as_app_error():
            closed: int = await self._pool.fetchval(_CLOSE_SQL, began_before, limit)
        return closed

    async def entries(self, user_id: int, before_seq: int, limit: int) -> list[AuditEntry]:
        """At most `limit` rows about the person with a lesser seq, newest first."""
        async with unavailable_as_app_error():
            records = await self._pool.fetch(_ENTRIES_SQL, user_id, before_seq, limit)
            key = (await read_subject_keys(self._pool, self._box, [user_id])).get(user_id)
            recent = [session_of(r["kind"], r["payload"]) for r in records if r["added"] is None]
            sessions = {
                row[0]: AuditDetail(row[1], row[2]) for row in await self._pool.fetch(_SESSIONS_SQL, recent, user_id)
            }
        entries = []
        for record in records:
            session_id = session_of(record["kind"], record["payload"])
            detail = open_detail(key, user_id, record["detail"] or record["added"] or b"")
            if record["added"] is None and session_id in sessions:
                detail = sessions[session_id]
            entries.append(
                AuditEntry(
                    seq=record["seq"],
                    kind=record["kind"],
                    occurred_at=record["occurred_at"],
                    actor_id=record["actor_id"],
                    session_id=session_id,
                    repeats=record["repeats"],
                    detail=detail,
                )
            )
        return entries
