"""Names of accounts in PostgreSQL: a change uses its flow up in its own statement, event included."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg

from services.auth.adapters.postgres import lifecycle_payloads
from services.auth.application.account_ports import NameOutcome, UsedFlow
from services.auth.domain.codes import CodePurpose
from services.chassis.postgres import PostgresPool, unavailable_as_app_error

# The unique indexes of names decide every race. An account that may not sign in changes nothing.
_CONFIRM_SQL: Final = """
    WITH flow AS (
        UPDATE code_flows SET redeemed_at = $2, session_id = $5, refresh_sealed = ''
        WHERE flow_hash = $1 AND redeemed_at IS NULL AND purpose = $7 RETURNING flow_hash
    ), changed AS (
        UPDATE accounts SET {change} FROM flow WHERE user_id = $4 AND status = 1 {condition} RETURNING user_id
    ), event AS (
        INSERT INTO events (kind, aggregate_id, actor_id) SELECT $6, user_id, user_id FROM changed
    )
    SELECT EXISTS (SELECT FROM flow) AS is_used_up, EXISTS (SELECT FROM changed WHERE $3::text <> '') AS is_done
"""
_KINDS: Final = {
    CodePurpose.CHANGE_PHONE: (
        lifecycle_payloads.PHONE_CHANGED,
        _CONFIRM_SQL.format(change="phone = $3, phone_proved_at = $2", condition=""),
    ),
    CodePurpose.CHANGE_EMAIL: (
        lifecycle_payloads.EMAIL_CHANGED,
        _CONFIRM_SQL.format(change="email = $3, email_verified_at = $2", condition=""),
    ),
    CodePurpose.VERIFY_EMAIL: (
        lifecycle_payloads.EMAIL_VERIFIED,
        _CONFIRM_SQL.format(change="email_verified_at = $2", condition="AND email = $3"),
    ),
}
_REPEAT_SQL: Final = """
    UPDATE code_flows SET repeats = repeats + 1
    WHERE flow_hash = $1 AND device_hash = $2 AND redeemed_at >= $3 AND repeats < $4
    RETURNING code_hash, phone_sealed
"""


class _NothingChangedError(Exception):
    """Rolls a transaction back: the account is not what it was when the flow began."""


class PostgresNames:
    """The names of auth's database."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def confirm(
        self, flow_hash: bytes, purpose: CodePurpose, name: str, user_id: int, session_id: int, now: datetime
    ) -> NameOutcome:
        """Use the flow up and change or verify the name, with its event, in one statement."""
        kind, sql = _KINDS[purpose]
        try:
            async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
                row = await connection.fetchrow(sql, flow_hash, now, name, user_id, session_id, kind, purpose.value)
                done = _done(row)
        except asyncpg.UniqueViolationError:
            # Its DETAIL repeats the name, which must not reach a log.
            return NameOutcome.TAKEN
        except _NothingChangedError:
            return NameOutcome.USED
        return NameOutcome.DONE if done else NameOutcome.USED

    async def reserve_repeat(
        self, flow_hash: bytes, device_hash: bytes, redeemed_after: datetime, repeats: int
    ) -> UsedFlow | None:
        """Count a repeat of a flow confirmed after a moment; None when there is none."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_REPEAT_SQL, flow_hash, device_hash, redeemed_after, repeats)
        return None if row is None else UsedFlow(*row)


def _done(row: asyncpg.Record | None) -> bool:
    """Whether the name changed; a flow that changed nothing must not look, when repeated, like one that did."""
    if row is not None and row["is_used_up"] and not row["is_done"]:
        raise _NothingChangedError
    return row is not None and bool(row["is_done"])
