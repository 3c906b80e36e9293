"""The session that asks to change a factor, read under its account's lock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import asyncpg

from services.auth.adapters.postgres.challenge_answers import LOCK_ACCOUNT_SQL
from services.auth.adapters.postgres.factor_holdings import HOLDINGS_COLUMNS, holdings_of
from services.auth.domain.assurance import Method
from services.auth.domain.factors import Standing
from services.auth.domain.identifier import mask_email, mask_phone
from services.chassis.errors import token_revoked
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

_STANDING_SQL: Final = f"""
    SELECT s.methods, s.proved_at, coalesce(a.phone, '') AS phone, coalesce(a.email, '') AS email, a.password_hash,
        {HOLDINGS_COLUMNS}
    FROM accounts a JOIN sessions s USING (user_id)
    WHERE a.user_id = $1 AND s.session_id = $2 AND s.ended_at IS NULL AND s.expires_at > $3 AND a.status = 1
"""


async def read_standing_row(
    source: PostgresConnection | PostgresPool, user_id: int, session_id: int, now: datetime
) -> asyncpg.Record:
    """The row of a live session and its account; AppError UNAUTHENTICATED, reason TOKEN_REVOKED, when it ended."""
    row = await source.fetchrow(_STANDING_SQL, user_id, session_id, now)
    if row is None:
        raise token_revoked()
    return row


def standing_of(row: asyncpg.Record) -> Standing:
    """The standing of such a row."""
    name = mask_phone(row["phone"]) or mask_email(row["email"])
    return Standing(Method(row["methods"]), row["proved_at"], holdings_of(row), name)


@asynccontextmanager
async def changing(
    pool: PostgresPool, user_id: int, session_id: int, now: datetime
) -> AsyncIterator[tuple[PostgresConnection, Standing]]:
    """A transaction that holds the account, of a session that may change its factors.

    AppError UNAUTHENTICATED, reason TOKEN_REVOKED or STEP_UP_NEEDED; UNAVAILABLE when the database is away.
    """
    async with unavailable_as_app_error(), pool.acquire() as connection, connection.transaction():
        await connection.execute(LOCK_ACCOUNT_SQL, user_id)
        standing = standing_of(await read_standing_row(connection, user_id, session_id, now))
        standing.require_fresh(now)
        yield connection, standing
