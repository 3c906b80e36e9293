"""Challenges in PostgreSQL: opened, tried and answered, each at once or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from services.auth.adapters.postgres.challenge_answers import AlreadyUsedError, answer_sign_in, answer_step_up
from services.auth.adapters.postgres.code_charging import BudgetSpentError, charge_all
from services.auth.adapters.postgres.factor_holdings import read_credentials, read_holdings
from services.auth.adapters.postgres.purging import purge
from services.auth.adapters.postgres.session_opening import account_closed_as_app_error
from services.auth.application.code_ports import BudgetCharge, BudgetSpent
from services.auth.application.factor_records import (
    Finished,
    NewChallenge,
    OpenedChallenge,
    ReservedAnswer,
    StoredPasskey,
    Used,
)
from services.auth.application.ports import NewSession
from services.auth.domain.assurance import Method, Proof
from services.auth.domain.challenges import ChallengePurpose, ChallengeRules
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

_COLUMNS: Final = "challenge_hash, purpose, device_digest, to_sign, methods, proved_at, made_at, expires_at"
_VALUES: Final = (
    "$1::bytea, $2::smallint, $3::bytea, $4::bytea, $5::smallint, $6::timestamptz, $7::timestamptz, $8::timestamptz"
)
_OPEN_SIGN_IN_SQL: Final = f"""
    INSERT INTO challenges ({_COLUMNS}, user_id)
    SELECT {_VALUES}, user_id FROM accounts WHERE user_id = $9 AND status = 1 AND has_second_factor(user_id)
    RETURNING user_id
"""
# A flow and its challenge, or neither. Of twins the second finds the flow used.
_OPEN_FOR_FLOW_SQL: Final = f"""
    WITH account AS (
        SELECT user_id FROM accounts WHERE phone = $10 AND status = 1 AND has_second_factor(user_id)
    ), flow AS (
        UPDATE code_flows SET redeemed_at = $7
        WHERE flow_hash = $9 AND redeemed_at IS NULL AND EXISTS (SELECT FROM account) RETURNING flow_hash
    )
    INSERT INTO challenges ({_COLUMNS}, user_id) SELECT {_VALUES}, user_id FROM account, flow RETURNING user_id
"""
_REOPEN_SQL: Final = """
    WITH flow AS (
        UPDATE code_flows SET repeats = repeats + 1
        WHERE flow_hash = $1 AND redeemed_at >= $3 AND repeats < $4 AND session_id IS NULL RETURNING flow_hash
    )
    SELECT c.user_id, c.to_sign, c.expires_at FROM flow, challenges c
    WHERE c.challenge_hash = $2 AND c.answered_at IS NULL AND c.expires_at > $5
"""
_OPEN_IN_SESSION_SQL: Final = f"""
    INSERT INTO challenges ({_COLUMNS}, user_id, session_id)
    SELECT {_VALUES}, s.user_id, s.session_id FROM sessions s JOIN accounts a USING (user_id)
    WHERE s.user_id = $9 AND s.session_id = $10 AND s.ended_at IS NULL AND s.expires_at > $7 AND a.status = 1
    RETURNING user_id
"""
_OPEN_FOR_ANYBODY_SQL: Final = f"INSERT INTO challenges ({_COLUMNS}) VALUES ({_VALUES})"

COUNT_GUESS: Final = """
    ON CONFLICT (user_id) DO UPDATE SET
        guesses = CASE WHEN g.window_started_at <= {since} THEN 1 ELSE g.guesses + 1 END,
        window_started_at = CASE WHEN g.window_started_at <= {since} THEN excluded.window_started_at
            ELSE g.window_started_at END
    WHERE g.window_started_at <= {since} OR g.guesses < {limit} RETURNING user_id
"""
# Counted under the rows' locks before anything is compared: of any number of answers at once $5 are ever looked at.
_RESERVE_SQL: Final = f"""
    WITH taken AS (
        UPDATE challenges SET tries = tries + 1
        WHERE challenge_hash = $1 AND purpose = $2 AND device_digest = $3 AND answered_at IS NULL
            AND expires_at > $4 AND tries < $5
        RETURNING user_id, session_id, methods, proved_at, to_sign, $5 - tries AS tries_left
    ), guessed AS (
        INSERT INTO factor_guesses AS g (user_id, guesses, window_started_at)
        SELECT user_id, 1, $4 FROM taken WHERE $6 AND user_id IS NOT NULL
        {COUNT_GUESS.format(since="$7", limit="$8")}
    )
    SELECT c.*, NOT $6 OR EXISTS (SELECT FROM guessed) AS within_account, g.window_started_at,
        t.secret_sealed, coalesce(t.last_step, 0) AS last_step, a.password_hash
    FROM taken c LEFT JOIN accounts a USING (user_id) LEFT JOIN factor_guesses g USING (user_id)
        LEFT JOIN totp_factors t ON t.user_id = c.user_id AND t.confirmed_at IS NOT NULL
"""

_FIND_PASSKEY_SQL: Final = (
    "SELECT factor_id, user_id, public_key, is_backup_eligible FROM passkeys WHERE credential_id = $1"
)
_PURGE_SQL: Final = """
    DELETE FROM challenges WHERE challenge_hash IN (
        SELECT challenge_hash FROM challenges WHERE expires_at < $1
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""
_PURGE_GUESSES_SQL: Final = """
    DELETE FROM factor_guesses WHERE user_id IN (
        SELECT user_id FROM factor_guesses WHERE window_started_at < $1
        ORDER BY window_started_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""


class PostgresChallenges:
    """The challenges of auth's database."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def open_sign_in(self, user_id: int, new: NewChallenge) -> OpenedChallenge | None:
        """Open a challenge if the account may sign in and has a second factor; None when not."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection:
            opened = await connection.fetchval(_OPEN_SIGN_IN_SQL, *_arguments(new), user_id)
            return None if opened is None else await _opened(connection, user_id, new.to_sign, new.expires_at)

    async def open_for_flow(self, flow_hash: bytes, phone: str, new: NewChallenge) -> OpenedChallenge | None:
        """Use a flow of a code up and open its challenge; None when the phone's account has no second factor."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection:
            user_id = await connection.fetchval(_OPEN_FOR_FLOW_SQL, *_arguments(new), flow_hash, phone)
            return None if user_id is None else await _opened(connection, user_id, new.to_sign, new.expires_at)

    async def reopen_for_flow(
        self, flow_hash: bytes, challenge_hash: bytes, now: datetime, rules: ChallengeRules
    ) -> OpenedChallenge | None:
        """Count a repeat of a flow that led to a challenge a moment ago, and answer it; None when there is none."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection:
            since = now - rules.repeat_grace
            row = await connection.fetchrow(_REOPEN_SQL, flow_hash, challenge_hash, since, rules.repeats, now)
            if row is None:
                return None
            return await _opened(connection, row["user_id"], row["to_sign"], row["expires_at"])

    async def open_in_session(self, user_id: int, session_id: int, new: NewChallenge) -> OpenedChallenge | None:
        """Open a challenge of a live session; None when it has ended."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection:
            opened = await connection.fetchval(_OPEN_IN_SESSION_SQL, *_arguments(new), user_id, session_id)
            return None if opened is None else await _opened(connection, user_id, new.to_sign, new.expires_at)

    async def open_for_anybody(self, new: NewChallenge, charges: Sequence[BudgetCharge]) -> BudgetSpent | None:
        """Open a challenge that names nobody and charge for it, or neither: then what is spent."""
        try:
            async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
                # Last, so that those of one network wait for each other no longer than for a commit.
                await connection.execute(_OPEN_FOR_ANYBODY_SQL, *_arguments(new))
                await charge_all(connection, charges, new.made_at)
        except BudgetSpentError as error:
            return error.spent
        return None

    async def reserve(
        self,
        challenge_hash: bytes,
        purpose: ChallengePurpose,
        device_digest: bytes,
        now: datetime,
        rules: ChallengeRules,
        *,
        is_guess: bool,
    ) -> ReservedAnswer | None:
        """Count an answer before it is looked at; a guess is counted for the account too."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(
                _RESERVE_SQL,
                challenge_hash,
                purpose.value,
                device_digest,
                now,
                rules.tries,
                is_guess,
                now - rules.account_window,
                rules.account_tries,
            )
        return None if row is None else _reserved(row, now, rules)

    async def finish_sign_in(
        self, challenge_hash: bytes, user_id: int, used: Used, session: NewSession
    ) -> Finished | None:
        """Use challenge and factor up and start the session, with all events; None when one of them is used."""
        try:
            async with account_closed_as_app_error(), self._pool.acquire() as connection, connection.transaction():
                return await answer_sign_in(connection, challenge_hash, user_id, used, session)
        except AlreadyUsedError:
            return None

    async def finish_step_up(
        self, challenge_hash: bytes, reserved: ReservedAnswer, used: Used, method: Method, now: datetime
    ) -> Finished | None:
        """Use challenge and factor up and strengthen the session; None when one of them is used, or it ended."""
        try:
            async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
                return await answer_step_up(connection, challenge_hash, reserved, used, method, now)
        except AlreadyUsedError:
            return None

    async def find_passkey(self, credential_id: bytes) -> StoredPasskey | None:
        """The passkey with the id."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_FIND_PASSKEY_SQL, credential_id)
        return None if row is None else StoredPasskey(*row)

    async def purge(self, expired_before: datetime, limit: int) -> int:
        """Forget at most `limit` challenges that ended before; how many."""
        return await purge(self._pool, _PURGE_SQL, expired_before, limit)

    async def purge_guesses(self, started_before: datetime, limit: int) -> int:
        """Forget at most `limit` windows of guesses that began before; how many."""
        return await purge(self._pool, _PURGE_GUESSES_SQL, started_before, limit)


def _arguments(new: NewChallenge) -> tuple[object, ...]:
    return (
        new.challenge_hash,
        new.purpose.value,
        new.device_digest,
        new.to_sign,
        new.proof.methods.value if new.proof else 0,
        new.proof.proved_at if new.proof else None,
        new.made_at,
        new.expires_at,
    )


async def _opened(
    connection: PostgresConnection, user_id: int, to_sign: bytes, expires_at: datetime
) -> OpenedChallenge:
    holdings = await read_holdings(connection, user_id)
    return OpenedChallenge(holdings, await read_credentials(connection, user_id), to_sign, expires_at)


def _reserved(row: asyncpg.Record, now: datetime, rules: ChallengeRules) -> ReservedAnswer:
    wait = row["window_started_at"] + rules.account_window - now if row["window_started_at"] else timedelta(0)
    return ReservedAnswer(
        user_id=row["user_id"] or 0,
        session_id=row["session_id"] or 0,
        proof=Proof(Method(row["methods"]), row["proved_at"]) if row["proved_at"] else None,
        to_sign=row["to_sign"],
        tries_left=row["tries_left"],
        within_account=row["within_account"],
        wait_ms=max(1, wait // timedelta(milliseconds=1)),
        totp_sealed=row["secret_sealed"],
        totp_last_step=row["last_step"],
        password_hash=row["password_hash"],
    )
