"""Drops months of the audit log that are kept no longer, leaving a signed word on where the log begins."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from services.auth.adapters.postgres.audit_keys import ensure_signer
from services.auth.adapters.signing_key_box import SigningKeyBox
from services.chassis.postgres import PostgresConnection

_LOCK_TIMEOUT: Final = "500ms"
# The names of months sort as the months do. A month is over when the next one began before the limit.
_MONTHS_SQL: Final = r"""
    SELECT right(c.relname, 6) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'audit_log'::regclass AND c.relname ~ '^audit_log_m[0-9]{6}$'
        AND (to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC' <= $1
    ORDER BY 1
"""
_STATE_SQL: Final = "SELECT last_xid::text, last_seq, last_pos, last_hash FROM audit_seal_state FOR UPDATE"
_UNSEALED_SQL: Final = "SELECT EXISTS (SELECT FROM {month} WHERE (xid, seq) > ($1::text::xid8, $2))"
_LAST_SIGNED_SQL: Final = "SELECT coalesce(max(pos), 0) FROM audit_checkpoints"
_LAST_POS_SQL: Final = "SELECT coalesce(max(pos), 0) FROM {month}"
# The first row that stays, and the chain before it.
_START_SQL: Final = "SELECT min(pos) FROM audit_seals WHERE recorded_at >= $1"
_BEFORE_SQL: Final = "SELECT chain_hash FROM audit_seals WHERE pos = $1"
_KEEP_ROWS_SQL: Final = """
    INSERT INTO audit_retired_rows (pos, log_xid, log_seq, row_hash)
    SELECT pos, log_xid, log_seq, row_hash FROM {month} WHERE pos > $1 ON CONFLICT DO NOTHING
"""
_RETIRE_SQL: Final = "INSERT INTO audit_retired (start_pos, chain_hash, statement) VALUES ($1, $2, $3)"
_BOUND_SQL: Final = "SELECT (to_date($1, 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC'"
_TABLES: Final = ("audit_log", "audit_seals", "audit_checkpoints")


async def retire_months(
    connection: PostgresConnection, box: SigningKeyBox, now: datetime, kept_since: datetime
) -> list[str]:
    """Drop the months that ended before, oldest first, each in one transaction; their names such as "202501".

    A month stays, and all after it, while a row of it is not sealed and signed.
    """
    retired: list[str] = []
    for (month,) in await connection.fetch(_MONTHS_SQL, kept_since):
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            if not await _retire(connection, box, now, month):
                break
        retired.append(month)
    return retired


async def _retire(connection: PostgresConnection, box: SigningKeyBox, now: datetime, month: str) -> bool:
    # Sealers wait for this lock, or pass by.
    state = await connection.fetchrow(_STATE_SQL)
    if state is None or await connection.fetchval(
        _UNSEALED_SQL.format(month=f"audit_log_m{month}"), state["last_xid"], state["last_seq"]
    ):
        return False
    seals = f"audit_seals_m{month}"
    last = await connection.fetchval(_LAST_POS_SQL.format(month=seals))
    if last > await connection.fetchval(_LAST_SIGNED_SQL):
        return False
    if last > 0:
        bound = await connection.fetchval(_BOUND_SQL, month)
        start = await connection.fetchval(_START_SQL, bound) or state["last_pos"] + 1
        chain = await connection.fetchval(_BEFORE_SQL, start - 1)
        # Rows of the month that stand behind the first one that stays: their hashes keep the chain whole.
        await connection.execute(_KEEP_ROWS_SQL.format(month=seals), start)
        # Nothing of it to drop when the row before belongs to a month that went earlier.
        if chain is not None:
            signer = await ensure_signer(connection, box, now)
            await connection.execute(_RETIRE_SQL, start, chain, signer.sign(start - 1, chain, now, starts=True))
    for table in _TABLES:
        await connection.execute(f"DROP TABLE IF EXISTS {table}_m{month}")
    return True
