"""What an account holds to prove itself with, as SQL and as rows."""

from __future__ import annotations

from typing import Final

import asyncpg

from services.auth.application.factor_records import StoredCredential
from services.auth.domain.factors import Holdings
from services.chassis.postgres import PostgresConnection, PostgresPool

# Columns of `accounts a`.
HOLDINGS_COLUMNS: Final = """
    a.password_hash IS NOT NULL AS has_password,
    EXISTS (SELECT FROM totp_factors h WHERE h.user_id = a.user_id AND h.confirmed_at IS NOT NULL) AS has_totp,
    (SELECT count(*) FROM passkeys h WHERE h.user_id = a.user_id) AS passkeys,
    (SELECT count(*) FROM recovery_codes h WHERE h.user_id = a.user_id AND h.used_at IS NULL) AS recovery_codes
"""
_HOLDINGS_SQL: Final = f"SELECT {HOLDINGS_COLUMNS} FROM accounts a WHERE a.user_id = $1"
_CREDENTIALS_SQL: Final = "SELECT credential_id, transports FROM passkeys WHERE user_id = $1 ORDER BY factor_id"


def holdings_of(row: asyncpg.Record) -> Holdings:
    """The holdings of a row with HOLDINGS_COLUMNS."""
    return Holdings(
        has_password=row["has_password"],
        has_totp=row["has_totp"],
        passkeys=row["passkeys"],
        recovery_codes=row["recovery_codes"],
    )


async def read_holdings(connection: PostgresConnection, user_id: int) -> Holdings:
    """What the account holds; LookupError when there is no such account."""
    row = await connection.fetchrow(_HOLDINGS_SQL, user_id)
    if row is None:
        raise LookupError("no such account")
    return holdings_of(row)


async def read_credentials(source: PostgresConnection | PostgresPool, user_id: int) -> list[StoredCredential]:
    """The account's passkeys, the first added first."""
    rows = await source.fetch(_CREDENTIALS_SQL, user_id)
    return [StoredCredential(row["credential_id"], tuple(row["transports"])) for row in rows]
