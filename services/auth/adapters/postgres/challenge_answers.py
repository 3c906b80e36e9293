"""Right answers to challenges: challenge, factor, session and events in one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final, assert_never

from services.auth.adapters.postgres import event_payloads
from services.auth.adapters.postgres.accounts import NEW_ID_SQL
from services.auth.adapters.postgres.event_writing import write_event
from services.auth.adapters.postgres.session_opening import open_session_sql, session_arguments, started_session
from services.auth.adapters.postgres.sessions import SESSION_COLUMNS, session_of
from services.auth.application.factor_records import (
    Finished,
    ReservedAnswer,
    Used,
    UsedPasskey,
    UsedPassword,
    UsedRecoveryCode,
    UsedTotp,
)
from services.auth.application.ports import NewSession
from services.auth.domain.assurance import Method, level_of
from services.chassis.postgres import PostgresConnection

# Whatever changes an account's factors takes this lock first, so that no two wait for each other in a circle.
LOCK_ACCOUNT_SQL: Final = "SELECT FROM accounts WHERE user_id = $1 FOR NO KEY UPDATE"

_ANSWER_SQL: Final = """
    UPDATE challenges SET answered_at = $2
    WHERE challenge_hash = $1 AND answered_at IS NULL AND expires_at > $2 RETURNING true
"""
_FORGET_GUESSES_SQL: Final = "DELETE FROM factor_guesses WHERE user_id = $1"

_USE_TOTP_SQL: Final = """
    UPDATE totp_factors SET last_step = $2, last_used_at = $3
    WHERE user_id = $1 AND confirmed_at IS NOT NULL AND last_step < $2 RETURNING true
"""
_USE_RECOVERY_CODE_SQL: Final = """
    UPDATE recovery_codes SET used_at = $3 WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL RETURNING true
"""
_CODES_LEFT_SQL: Final = "SELECT count(*) FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL"
# A counter that stays at 0 is none; any other must grow.
_USE_PASSKEY_SQL: Final = """
    UPDATE passkeys SET sign_count = $3, is_backed_up = $4, last_used_at = $5
    WHERE factor_id = $1 AND user_id = $2 AND (sign_count < $3 OR (sign_count = 0 AND $3 = 0)) RETURNING true
"""
_HAS_PASSKEY_SQL: Final = "SELECT EXISTS (SELECT FROM passkeys WHERE factor_id = $1 AND user_id = $2)"
_TAKE_KNOWLEDGE_SQL: Final = """
    SELECT true FROM accounts WHERE user_id = $1 AND password_hash IS NOT NULL AND NOT has_second_factor(user_id)
"""

_OPEN_SESSION_SQL: Final = f"SELECT epoch, roles FROM {open_session_sql(2, '$1')}"
_PROVE_PHONE_SQL: Final = """
    UPDATE accounts SET phone_proved_at = $2 WHERE user_id = $1 AND phone IS NOT NULL AND phone_proved_at IS NULL
"""
_LOCK_SESSION_SQL: Final = f"""
    SELECT {SESSION_COLUMNS} FROM sessions s JOIN accounts a USING (user_id)
    WHERE s.session_id = $1 AND s.user_id = $2 AND s.ended_at IS NULL AND s.expires_at > $3 AND a.status = 1
    FOR UPDATE OF s
"""
_STRENGTHEN_SQL: Final = "UPDATE sessions SET methods = $2, level = $3, proved_at = $4 WHERE session_id = $1"


class AlreadyUsedError(Exception):
    """Rolls a transaction back: challenge or factor were used up by somebody faster, or the session has ended."""


async def answer_sign_in(
    connection: PostgresConnection, challenge_hash: bytes, user_id: int, used: Used, session: NewSession
) -> Finished | None:
    """Start the session that the answer leads to.

    None, with the event of it, for a passkey whose counter went back; AlreadyUsedError.
    """
    now = session.started_at
    await connection.execute(LOCK_ACCOUNT_SQL, user_id)
    codes_left = await _use(connection, user_id, used, now)
    if codes_left is None:
        return None
    await _answered(connection, challenge_hash, user_id, used, now)
    if session.proof.methods & Method.CODE:
        # Who shows the phone and the factor is the owner of both: nothing needs to be forgotten.
        await connection.execute(_PROVE_PHONE_SQL, user_id, now)
    session_id: int = await connection.fetchval(NEW_ID_SQL)
    row = await connection.fetchrow(_OPEN_SESSION_SQL, user_id, *session_arguments(session_id, session))
    return Finished(started_session(user_id, session_id, session, row), codes_left)


async def answer_step_up(
    connection: PostgresConnection,
    challenge_hash: bytes,
    reserved: ReservedAnswer,
    used: Used,
    method: Method,
    now: datetime,
) -> Finished | None:
    """Strengthen the session; as `answer_sign_in`."""
    await connection.execute(LOCK_ACCOUNT_SQL, reserved.user_id)
    row = await connection.fetchrow(_LOCK_SESSION_SQL, reserved.session_id, reserved.user_id, now)
    if row is None:
        raise AlreadyUsedError
    codes_left = await _use(connection, reserved.user_id, used, now)
    if codes_left is None:
        return None
    await _answered(connection, challenge_hash, reserved.user_id, used, now)
    before = session_of(row)
    proof = before.proof.strengthened(method, now)
    await connection.execute(
        _STRENGTHEN_SQL, before.session_id, proof.methods.value, level_of(proof.methods), proof.proved_at
    )
    return Finished(replace(before, proof=proof), codes_left)


async def _answered(
    connection: PostgresConnection, challenge_hash: bytes, user_id: int, used: Used, now: datetime
) -> None:
    if not await connection.fetchval(_ANSWER_SQL, challenge_hash, now):
        raise AlreadyUsedError
    if not isinstance(used, UsedPasskey):
        await connection.execute(_FORGET_GUESSES_SQL, user_id)


async def _use(connection: PostgresConnection, user_id: int, used: Used, now: datetime) -> int | None:
    """Use the factor up; how many recovery codes are left when one was used, else 0.

    None for a passkey whose counter went back: the event of it is written, and nothing else.
    """
    match used:
        case UsedTotp(step):
            is_used = await connection.fetchval(_USE_TOTP_SQL, user_id, step, now)
        case UsedRecoveryCode(code_hash):
            is_used = await connection.fetchval(_USE_RECOVERY_CODE_SQL, user_id, code_hash, now)
            if is_used:
                codes_left: int = await connection.fetchval(_CODES_LEFT_SQL, user_id)
                kind, payload = event_payloads.RECOVERY_CODE_USED, event_payloads.recovery_code_used(codes_left)
                await write_event(connection, kind, user_id, user_id, payload)
                return codes_left
        case UsedPasskey(factor_id, sign_count, is_backed_up):
            is_used = await connection.fetchval(_USE_PASSKEY_SQL, factor_id, user_id, sign_count, is_backed_up, now)
            if not is_used and await connection.fetchval(_HAS_PASSKEY_SQL, factor_id, user_id):
                kind, payload = event_payloads.PASSKEY_REFUSED, event_payloads.passkey_refused(factor_id)
                await write_event(connection, kind, user_id, 0, payload)
                return None
        case UsedPassword():
            is_used = await connection.fetchval(_TAKE_KNOWLEDGE_SQL, user_id)
        case _:
            assert_never(used)
    if not is_used:
        raise AlreadyUsedError
    return 0
