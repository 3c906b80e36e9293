"""Loads many accounts at once, leaving what registration would have left, events included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from services.auth.adapters.postgres import event_payloads
from services.chassis.postgres import PostgresConnection

# No idempotency key that a client may send: nobody repeats the registration of a loaded account.
_REGISTER_KEY: Final = ""

_STAGE_SQL: Final = """
    CREATE TEMPORARY TABLE IF NOT EXISTS imported_accounts (user_id bigint, phone text, created_at timestamptz)
    ON COMMIT DELETE ROWS
"""
_IMPORT_SQL: Final = """
    WITH made AS (
        INSERT INTO accounts (user_id, phone, password_hash, register_key, created_at, phone_proved_at)
        SELECT user_id, phone, $1, $2, created_at, created_at FROM imported_accounts ORDER BY user_id
        ON CONFLICT DO NOTHING RETURNING user_id, created_at
    ), told AS (
        INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload, occurred_at)
        SELECT $3, user_id, 1, user_id, $4, created_at FROM made ORDER BY created_at, user_id
    )
    SELECT count(*) FROM made
"""


@dataclass(frozen=True, slots=True)
class ImportedAccount:
    """An account to load: an id made by ids.compose, a phone in E.164, and when it was made, in UTC."""

    user_id: int
    phone: str = field(repr=False)
    created_at: datetime


async def import_accounts(
    connection: PostgresConnection, accounts: Sequence[ImportedAccount], *, password_hash: str
) -> int:
    """Add the accounts whose id and phone are new, in the caller's transaction; how many.

    All share one password, and count as people who have shown that they hold their phone.
    """
    await connection.execute(_STAGE_SQL)
    await connection.execute("TRUNCATE imported_accounts")
    await connection.copy_records_to_table(
        "imported_accounts",
        records=[(account.user_id, account.phone, account.created_at) for account in accounts],
        columns=["user_id", "phone", "created_at"],
    )
    made: int = await connection.fetchval(
        _IMPORT_SQL, password_hash, _REGISTER_KEY, event_payloads.USER_REGISTERED, event_payloads.user_registered()
    )
    return made
