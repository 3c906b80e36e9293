"""Passwords of accounts in PostgreSQL: hash, other sessions and event change in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from services.auth.adapters.postgres import event_payloads
from services.auth.adapters.postgres.challenges import COUNT_GUESS
from services.auth.adapters.postgres.factor_standing import changing, read_standing_row, standing_of
from services.auth.adapters.postgres.session_ending import end_sessions
from services.auth.application.factor_records import PasswordAccount
from services.auth.domain.challenges import ChallengeRules
from services.auth.domain.session import SessionEnd
from services.chassis.postgres import PostgresPool, unavailable_as_app_error

_RESERVE_GUESS_SQL: Final = f"""
    INSERT INTO factor_guesses AS g (user_id, guesses, window_started_at) VALUES ($1, 1, $2)
    {COUNT_GUESS.format(since="$3", limit="$4")}
"""
_WINDOW_SQL: Final = "SELECT window_started_at FROM factor_guesses WHERE user_id = $1"
_FORGET_GUESSES_SQL: Final = "DELETE FROM factor_guesses WHERE user_id = $1"

_REPLACE_SQL: Final = """
    WITH replaced AS (
        UPDATE accounts SET password_hash = $3
        WHERE user_id = $1 AND password_hash IS NOT DISTINCT FROM $2 RETURNING user_id
    )
    INSERT INTO events (kind, aggregate_id, actor_id, payload) SELECT $4, user_id, user_id, $5 FROM replaced
    RETURNING true
"""
_OTHERS_SQL: Final = """
    SELECT session_id FROM sessions
    WHERE user_id = $1 AND session_id <> $2 AND ended_at IS NULL AND expires_at > $3 ORDER BY session_id
"""


class PostgresPasswords:
    """The passwords of auth's database."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def find(self, user_id: int, session_id: int, now: datetime) -> PasswordAccount:
        """The account of a live session."""
        async with unavailable_as_app_error():
            row = await read_standing_row(self._pool, user_id, session_id, now)
        return PasswordAccount(standing_of(row), row["password_hash"], row["phone"], row["email"])

    async def reserve_guess(self, user_id: int, now: datetime, rules: ChallengeRules) -> int | None:
        """Count a guess of the account before it is made; None when it may be, else for how many ms none may."""
        async with unavailable_as_app_error():
            since = now - rules.account_window
            if await self._pool.fetchval(_RESERVE_GUESS_SQL, user_id, now, since, rules.account_tries) is not None:
                return None
            started_at: datetime | None = await self._pool.fetchval(_WINDOW_SQL, user_id)
        # Forgotten in between by a proof that was right: the next try will pass.
        wait = timedelta(0) if started_at is None else started_at + rules.account_window - now
        return max(1, wait // timedelta(milliseconds=1))

    async def replace(
        self, user_id: int, session_id: int, old: str | None, new: str, now: datetime, *, end_others: bool
    ) -> int | None:
        """Keep `new` unless the hash is no longer `old`, with the event; None then, else how many sessions ended."""
        async with changing(self._pool, user_id, session_id, now) as (connection, _standing):
            payload = event_payloads.password_changed(session_id)
            kind = event_payloads.PASSWORD_CHANGED
            if not await connection.fetchval(_REPLACE_SQL, user_id, old, new, kind, payload):
                return None
            await connection.execute(_FORGET_GUESSES_SQL, user_id)
            if not end_others:
                return 0
            others = [row["session_id"] for row in await connection.fetch(_OTHERS_SQL, user_id, session_id, now)]
            return await end_sessions(connection, user_id, user_id, others, SessionEnd.PASSWORD_CHANGED, now)
