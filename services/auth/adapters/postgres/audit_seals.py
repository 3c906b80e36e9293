"""Seals the audit log in PostgreSQL: each batch, checkpoint and dropped month is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.auth.adapters.postgres.audit_keys import ensure_signer, ensure_subject_keys
from services.auth.adapters.postgres.audit_retirement import retire_months
from services.auth.adapters.postgres.audit_rows import COLUMNS, session_of, to_row
from services.auth.adapters.signing_key_box import SigningKeyBox
from services.auth.adapters.subject_key_box import SubjectKeyBox, seal_detail
from services.auth.application.audit_ports import AuditDetail, Unsealed
from services.auth.domain.audit_chain import AuditRow, chain_hash, row_hash
from services.chassis.clock import Clock
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

_MONTHS_AHEAD: Final = 12
_BATCH_TIMEOUT_S: Final = 20.0

# Rows become readable when their transaction commits, not when they are numbered; below the snapshot's xmin all have
# ended, so (xid, seq) there is final. No bound of time: a clock that jumped must not hide a row from its seal.
_UNSEALED: Final = """
    FROM audit_log l
    WHERE (l.xid, l.seq) > ((SELECT last_xid FROM audit_seal_state), (SELECT last_seq FROM audit_seal_state))
"""
_FINAL: Final = f"{_UNSEALED} AND l.xid < pg_snapshot_xmin(pg_current_snapshot())"
_PENDING_SQL: Final = f"SELECT true {_FINAL} ORDER BY l.xid, l.seq LIMIT 1"
_STATE_SQL: Final = "SELECT last_pos, last_hash FROM audit_seal_state FOR NO KEY UPDATE SKIP LOCKED"
_BATCH_SQL: Final = f"SELECT {COLUMNS} {_FINAL} ORDER BY l.xid, l.seq LIMIT $1"
_SESSIONS_SQL: Final = """
    SELECT session_id, user_id, network, device_name FROM sessions WHERE session_id = ANY($1::bigint[])
"""
_ADD_SQL: Final = """
    INSERT INTO audit_seals (pos, recorded_at, log_xid, log_seq, detail, row_hash, chain_hash)
    SELECT pos, recorded_at, xid::xid8, seq, detail, row_hash, chain_hash
    FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bytea[])
        AS s (pos, recorded_at, xid, seq, detail, row_hash, chain_hash)
"""
_MOVE_SQL: Final = """
    UPDATE audit_seal_state SET last_xid = $1::text::xid8, last_seq = $2, last_pos = $3, last_hash = $4
"""
_LAST_SQL: Final = "SELECT pos, statement FROM audit_checkpoints ORDER BY pos DESC LIMIT 1"
_ADD_CHECKPOINT_SQL: Final = "INSERT INTO audit_checkpoints VALUES ($1, $2, $3, $4)"
# Bounded: how far behind sealing is matters, not by how many millions.
_BEHIND_SQL: Final = f"""
    SELECT count(*), coalesce(extract(epoch FROM max(clock_timestamp() - recorded_at)), 0)::float8
    FROM (SELECT l.recorded_at {_UNSEALED} ORDER BY l.xid, l.seq LIMIT 100000) AS behind
"""

_log = structlog.get_logger(__name__)


class PostgresAuditSeals:
    """The seals of auth's database. WrongKeyEncryptionKeyError from what signs."""

    def __init__(self, pool: PostgresPool, root_key: bytes, clock: Clock, kept: timedelta) -> None:
        self._pool = pool
        self._signing = SigningKeyBox(root_key)
        self._subjects = SubjectKeyBox(root_key)
        self._clock = clock
        self._kept = kept

    async def seal(self, limit: int) -> int:
        """Seal at most `limit` rows; how many."""
        async with unavailable_as_app_error():
            if not await self._pool.fetchval(_PENDING_SQL):
                return 0
            async with self._pool.acquire() as connection, connection.transaction():
                state = await connection.fetchrow(_STATE_SQL)
                if state is None:
                    return 0
                rows = [to_row(record) for record in await connection.fetch(_BATCH_SQL, limit)]
                if rows:
                    await self._add(connection, rows, state["last_pos"], state["last_hash"])
        return len(rows)

    async def _add(self, connection: PostgresConnection, rows: Sequence[AuditRow], pos: int, chain: bytes) -> None:
        details = await self._details(connection, rows)
        records = []
        for row, detail in zip(rows, details, strict=True):
            pos += 1
            hashed = row_hash(row, detail)
            chain = chain_hash(pos, chain, hashed)
            records.append((pos, row.recorded_at, str(row.xid), row.seq, detail, hashed, chain))
        await connection.execute(_ADD_SQL, *map(list, zip(*records, strict=True)))
        await connection.execute(_MOVE_SQL, str(rows[-1].xid), rows[-1].seq, pos, chain)

    async def _details(self, connection: PostgresConnection, rows: Sequence[AuditRow]) -> list[bytes]:
        """Where each row's session was: the events do not say it, and the sessions are forgotten one day."""
        sessions = [session_of(row.kind, row.payload) for row in rows]
        found = {
            record["session_id"]: record
            for record in await connection.fetch(_SESSIONS_SQL, [session for session in sessions if session])
        }
        plain = []
        for row, session in zip(rows, sessions, strict=True):
            record = found.get(session)
            known = record is not None and record["user_id"] == row.subject_id
            plain.append(AuditDetail(record["network"], record["device_name"]) if known and record else AuditDetail())
        users = {row.subject_id for row, detail in zip(rows, plain, strict=True) if detail != AuditDetail()}
        keys = await ensure_subject_keys(connection, self._subjects, users)
        return [
            seal_detail(keys[row.subject_id], row.subject_id, detail) if row.subject_id in keys else b""
            for row, detail in zip(rows, plain, strict=True)
        ]

    async def add_checkpoint(self) -> str | None:
        """Sign the chain's end unless that is done."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            state = await connection.fetchrow(_STATE_SQL)
            if state is None:
                return None
            last = await connection.fetchrow(_LAST_SQL)
            if state["last_pos"] <= (last["pos"] if last is not None else 0):
                return None
            now = self._clock.now()
            signer = await ensure_signer(connection, self._signing, now)
            statement = signer.sign(state["last_pos"], state["last_hash"], now)
            await connection.execute(_ADD_CHECKPOINT_SQL, state["last_pos"], now, state["last_hash"], statement)
        return statement

    async def last_checkpoint(self) -> str | None:
        """The newest statement."""
        async with unavailable_as_app_error():
            last = await self._pool.fetchrow(_LAST_SQL)
        return None if last is None else str(last["statement"])

    async def unsealed(self) -> Unsealed:
        """How far sealing is behind."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_BEHIND_SQL)
        return Unsealed(row[0], row[1]) if row is not None else Unsealed(0, 0.0)

    async def keep_partitions(self, now: datetime) -> None:
        """Make the months to come, and drop those that are kept no longer."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection:
            made = await connection.fetchval("SELECT audit_make_partitions($1, $2)", now, _MONTHS_AHEAD)
            if made:
                _log.info("audit_partitions_made", count=made)
            for month in await retire_months(connection, self._signing, now, now - self._kept):
                _log.info("audit_month_retired", month=month)
