"""Accounts in PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import asyncpg

from services.auth.adapters.postgres import event_payloads
from services.auth.adapters.postgres.session_opening import open_session_sql, session_arguments, started_session
from services.auth.application.ports import Account, Credentials, NewSession, StartedSession
from services.auth.domain.identifier import Identifier, IdentifierKind
from services.chassis.postgres import PostgresPool, unavailable_as_app_error

_COLUMN: Final = {IdentifierKind.PHONE: "phone", IdentifierKind.EMAIL: "email"}

_FIND_SQL: Final = "SELECT user_id, password_hash, register_key, created_at FROM accounts WHERE {column} = $1"

_OPEN_SESSION: Final = open_session_sql(7, "e.aggregate_id")

NEW_ID_SQL: Final = "SELECT daira_id()"

# Account, first session and events in their order, or nothing at all.
_ADD_SQL: Final = """
    WITH account AS (
        INSERT INTO accounts ({column}, password_hash, register_key, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING RETURNING user_id
    ), event AS (
        INSERT INTO events (kind, aggregate_id, aggregate_version, actor_id, payload)
        SELECT $5, user_id, 1, user_id, $6 FROM account RETURNING aggregate_id
    )
    SELECT e.aggregate_id AS user_id, s.epoch, s.roles FROM event e, LATERAL {open_session} AS s
"""

_REPLACE_HASH_SQL: Final = "UPDATE accounts SET password_hash = $3 WHERE user_id = $1 AND password_hash = $2"

_GET_SQL: Final = """
    SELECT a.user_id, coalesce(a.phone, '') AS phone, coalesce(a.email, '') AS email, a.created_at
    FROM accounts a JOIN sessions s USING (user_id)
    WHERE a.user_id = $1 AND s.session_id = $2 AND s.ended_at IS NULL AND s.expires_at > $3
"""


class PostgresAccounts:
    """The accounts of auth's database."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def find(self, identifier: Identifier) -> Credentials | None:
        """The account with the name."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_FIND_SQL.format(column=_COLUMN[identifier.kind]), identifier.value)
        return None if row is None else Credentials(*row)

    async def add(
        self, identifier: Identifier, password_hash: str, register_key: str, session: NewSession
    ) -> StartedSession | None:
        """Make the account and its first session in one statement; None when the name is taken."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection:
            session_id: int = await connection.fetchval(NEW_ID_SQL)
            try:
                row = await connection.fetchrow(
                    _ADD_SQL.format(column=_COLUMN[identifier.kind], open_session=_OPEN_SESSION),
                    identifier.value,
                    password_hash,
                    register_key,
                    session.started_at,
                    event_payloads.USER_REGISTERED,
                    event_payloads.user_registered(),
                    *session_arguments(session_id, session),
                )
            except asyncpg.IntegrityConstraintViolationError as error:
                # Its DETAIL repeats the row, name included, which must not reach a log.
                raise RuntimeError(f"account refused by {error.constraint_name}") from None
        if row is None:
            return None
        return started_session(row["user_id"], session_id, session, row)

    async def replace_password_hash(self, user_id: int, old: str, new: str) -> None:
        """Keep `new`, unless the hash is no longer `old`."""
        async with unavailable_as_app_error():
            await self._pool.execute(_REPLACE_HASH_SQL, user_id, old, new)

    async def get(self, user_id: int, session_id: int, now: datetime) -> Account | None:
        """The account, if the session is one of its own and has not ended."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_GET_SQL, user_id, session_id, now)
        return None if row is None else Account(*row)
