"""The audit log in PostgreSQL as a verifier reads it: one snapshot, in batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from services.auth.adapters.postgres.audit_rows import COLUMNS, to_row
from services.auth.application.audit_ports import RetiredRow, Seal
from services.auth.domain.audit_chain import AuditRow
from services.chassis.postgres import PostgresConnection
from services.hash_chain.checkpoints import StoredCheckpoint

_START_SQL: Final = "SELECT start_pos, chain_hash, statement FROM audit_retired ORDER BY start_pos DESC LIMIT 1"
# What the sealer says it has done: seals that are gone from the end are missed by it.
_SEALED_SQL: Final = "SELECT last_pos FROM audit_seal_state"
_SEALS_SQL: Final = """
    SELECT pos, log_xid::text AS xid, log_seq, detail, row_hash, chain_hash FROM (
        (SELECT pos, log_xid, log_seq, detail, row_hash, chain_hash FROM audit_seals
        WHERE pos > $1 ORDER BY pos LIMIT $2)
        UNION ALL
        (SELECT pos, log_xid, log_seq, NULL, row_hash, NULL FROM audit_retired_rows
        WHERE pos > $1 ORDER BY pos LIMIT $2)
    ) AS both_kinds ORDER BY pos LIMIT $2
"""
_ROWS_SQL: Final = f"""
    SELECT {COLUMNS} FROM audit_log l
    WHERE (l.xid, l.seq) > ($1::text::xid8, $2::bigint) AND (l.xid, l.seq) <= ($3::text::xid8, $4::bigint)
    ORDER BY l.xid, l.seq LIMIT $5
"""
_FIND_SQL: Final = f"SELECT {COLUMNS} FROM audit_log l WHERE l.seq = ANY($1::bigint[])"
_POSITIONS_SQL: Final = "SELECT log_seq, pos FROM audit_seals WHERE log_seq = ANY($1::bigint[])"
_CHECKPOINTS_SQL: Final = "SELECT pos, chain_hash, statement FROM audit_checkpoints ORDER BY pos"
_BEHIND_SQL: Final = """
    SELECT count(*), coalesce(extract(epoch FROM max(clock_timestamp() - recorded_at)), 0)::float8
    FROM audit_log WHERE (xid, seq) > ($1::text::xid8, $2::bigint)
"""


class PostgresAuditArchive:
    """The log of auth's database, over a connection inside a REPEATABLE READ transaction."""

    def __init__(self, connection: PostgresConnection) -> None:
        self._connection = connection

    async def start(self) -> StoredCheckpoint | None:
        """Where the log begins, after months of it were dropped."""
        row = await self._connection.fetchrow(_START_SQL)
        return None if row is None else StoredCheckpoint(row[0], row[1], row[2])

    async def sealed(self) -> int:
        """The greatest position that the sealer gave."""
        return int(await self._connection.fetchval(_SEALED_SQL) or 0)

    async def seals(self, after_pos: int, limit: int) -> Sequence[Seal | RetiredRow]:
        """The next seals by position."""
        return [
            RetiredRow(r["pos"], int(r["xid"]), r["log_seq"], r["row_hash"])
            if r["chain_hash"] is None
            else Seal(r["pos"], int(r["xid"]), r["log_seq"], r["detail"], r["row_hash"], r["chain_hash"])
            for r in await self._connection.fetch(_SEALS_SQL, after_pos, limit)
        ]

    async def rows(self, after: tuple[int, int], upto: tuple[int, int], limit: int) -> Sequence[AuditRow]:
        """The rows behind one (xid, seq) up to another."""
        records = await self._connection.fetch(_ROWS_SQL, str(after[0]), after[1], str(upto[0]), upto[1], limit)
        return [to_row(record) for record in records]

    async def find(self, seqs: Sequence[int]) -> Sequence[AuditRow]:
        """The rows with these numbers."""
        return [to_row(record) for record in await self._connection.fetch(_FIND_SQL, seqs)] if seqs else []

    async def seal_positions(self, seqs: Sequence[int]) -> dict[int, int]:
        """The position of the seal of each numbered row, where it has one."""
        return {row[0]: row[1] for row in await self._connection.fetch(_POSITIONS_SQL, seqs)}

    async def unsealed_after(self, cursor: tuple[int, int]) -> tuple[int, float]:
        """How many rows stand behind (xid, seq), and the age of the oldest in seconds."""
        row = await self._connection.fetchrow(_BEHIND_SQL, str(cursor[0]), cursor[1])
        return (row[0], row[1]) if row is not None else (0, 0.0)

    async def checkpoints(self) -> AsyncIterator[StoredCheckpoint]:
        """All checkpoints by position."""
        async for row in self._connection.cursor(_CHECKPOINTS_SQL, prefetch=1000):
            yield StoredCheckpoint(row[0], row[1], row[2])
