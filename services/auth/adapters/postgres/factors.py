"""Second factors of accounts in PostgreSQL: each change is one transaction, its event included."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from services.auth.adapters.postgres import event_payloads
from services.auth.adapters.postgres.challenge_answers import LOCK_ACCOUNT_SQL
from services.auth.adapters.postgres.event_writing import write_event
from services.auth.adapters.postgres.factor_standing import changing, read_standing_row, standing_of
from services.auth.application.factor_records import FactorList, PasskeyCredential, PasskeyView, PendingTotp, TotpView
from services.auth.domain.factors import MAX_PASSKEYS, PENDING_LIFE, FactorKind, Standing
from services.chassis.errors import failed_precondition, unauthenticated
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

_TOTP_SQL: Final = """
    SELECT factor_id, confirmed_at, last_used_at FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL
"""
_PASSKEY_COLUMNS: Final = "factor_id, name, is_backed_up, aaguid, created_at, last_used_at"
_PASSKEYS_SQL: Final = f"SELECT {_PASSKEY_COLUMNS} FROM passkeys WHERE user_id = $1 ORDER BY factor_id"

_BEGIN_TOTP_SQL: Final = """
    INSERT INTO totp_factors AS t (user_id, secret_sealed, created_at) VALUES ($1, $2, $3)
    ON CONFLICT (user_id) DO UPDATE SET
        factor_id = daira_id(), secret_sealed = excluded.secret_sealed, created_at = excluded.created_at, last_step = 0
    WHERE t.confirmed_at IS NULL RETURNING true
"""
_FIND_TOTP_SQL: Final = """
    SELECT factor_id, secret_sealed, last_step, confirmed_at IS NOT NULL, created_at
    FROM totp_factors WHERE user_id = $1
"""
_CONFIRM_TOTP_SQL: Final = """
    UPDATE totp_factors SET confirmed_at = $4, last_step = $3
    WHERE user_id = $1 AND factor_id = $2 AND confirmed_at IS NULL AND created_at > $5 RETURNING true
"""

_ANSWER_CEREMONY_SQL: Final = """
    UPDATE challenges SET answered_at = $2
    WHERE challenge_hash = $1 AND user_id = $3 AND session_id = $4 AND answered_at IS NULL AND expires_at > $2
    RETURNING true
"""
_ADD_PASSKEY_SQL: Final = f"""
    INSERT INTO passkeys (user_id, credential_id, public_key, sign_count, aaguid, transports, name,
        is_backup_eligible, is_backed_up, ceremony_hash, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (credential_id) DO NOTHING RETURNING {_PASSKEY_COLUMNS}
"""
_FIND_ADDED_SQL: Final = f"SELECT {_PASSKEY_COLUMNS} FROM passkeys WHERE user_id = $1 AND ceremony_hash = $2"
_RENAME_SQL: Final = "UPDATE passkeys SET name = $3 WHERE user_id = $1 AND factor_id = $2 RETURNING true"

_REMOVE_SQL: Final = {
    FactorKind.TOTP: "DELETE FROM totp_factors WHERE user_id = $1 AND factor_id = $2 AND confirmed_at IS NOT NULL"
    " RETURNING true",
    FactorKind.PASSKEY: "DELETE FROM passkeys WHERE user_id = $1 AND factor_id = $2 RETURNING true",
}
_HAS_SECOND_FACTOR_SQL: Final = "SELECT has_second_factor($1)"
_REMOVE_CODES_SQL: Final = "DELETE FROM recovery_codes WHERE user_id = $1"
_ADD_CODES_SQL: Final = "INSERT INTO recovery_codes (user_id, code_hash) SELECT $1, unnest($2::bytea[])"

_CLAIMED_PHONE_SQL: Final = """
    SELECT phone IS NOT NULL AND phone_proved_at IS NULL FROM accounts WHERE user_id = $1
"""


class PostgresFactors:
    """The factors of auth's database."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def list(self, user_id: int, session_id: int, now: datetime) -> FactorList:
        """All of them."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection:
            standing = standing_of(await read_standing_row(connection, user_id, session_id, now))
            totp = await connection.fetchrow(_TOTP_SQL, user_id)
            passkeys = await connection.fetch(_PASSKEYS_SQL, user_id)
        return FactorList(
            standing.holdings, TotpView(*totp) if totp is not None else None, [PasskeyView(*row) for row in passkeys]
        )

    async def standing(self, user_id: int, session_id: int, now: datetime) -> Standing:
        """The session and its account."""
        async with unavailable_as_app_error():
            return standing_of(await read_standing_row(self._pool, user_id, session_id, now))

    async def begin_totp(self, user_id: int, session_id: int, sealed: bytes, now: datetime) -> str:
        """Keep a secret until it is confirmed, in place of another that was not; the account's name, masked."""
        async with changing(self._pool, user_id, session_id, now) as (connection, standing):
            await _require_own_phone(connection, user_id)
            if not await connection.fetchval(_BEGIN_TOTP_SQL, user_id, sealed, now):
                raise failed_precondition("the account has an authenticator app", "FACTOR_LIMIT_REACHED")
            return standing.name

    async def find_totp(self, user_id: int) -> PendingTotp | None:
        """The secret, confirmed or not."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_FIND_TOTP_SQL, user_id)
        return None if row is None else PendingTotp(*row)

    async def confirm_totp(self, user_id: int, session_id: int, factor_id: int, step: int, now: datetime) -> bool:
        """The secret counts from now on, and `step` is used, with the event; False when it is not pending any more."""
        async with changing(self._pool, user_id, session_id, now) as (connection, _standing):
            await _require_own_phone(connection, user_id)
            since = now - PENDING_LIFE
            if not await connection.fetchval(_CONFIRM_TOTP_SQL, user_id, factor_id, step, now, since):
                return False
            await _tell_added(connection, user_id, factor_id, FactorKind.TOTP)
            return True

    async def add_passkey(
        self, user_id: int, session_id: int, challenge_hash: bytes, new: PasskeyCredential, name: str, now: datetime
    ) -> PasskeyView:
        """Use the ceremony up and add the passkey with its event."""
        async with changing(self._pool, user_id, session_id, now) as (connection, standing):
            if not await connection.fetchval(_ANSWER_CEREMONY_SQL, challenge_hash, now, user_id, session_id):
                raise unauthenticated("CHALLENGE_EXPIRED", "begin again")
            await _require_own_phone(connection, user_id)
            if standing.holdings.passkeys >= MAX_PASSKEYS:
                raise failed_precondition(f"the account has {MAX_PASSKEYS} passkeys", "FACTOR_LIMIT_REACHED")
            row = await connection.fetchrow(
                _ADD_PASSKEY_SQL,
                user_id,
                new.credential_id,
                new.public_key,
                new.sign_count,
                new.aaguid,
                list(new.transports),
                name,
                new.is_backup_eligible,
                new.is_backed_up,
                challenge_hash,
                now,
            )
            if row is None:
                raise failed_precondition("this passkey is in use", "FACTOR_LIMIT_REACHED")
            passkey = PasskeyView(*row)
            await _tell_added(connection, user_id, passkey.factor_id, FactorKind.PASSKEY)
            return passkey

    async def find_added(self, user_id: int, challenge_hash: bytes) -> PasskeyView | None:
        """The passkey that a ceremony of the account added."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_FIND_ADDED_SQL, user_id, challenge_hash)
        return None if row is None else PasskeyView(*row)

    async def rename_passkey(self, user_id: int, session_id: int, factor_id: int, name: str, now: datetime) -> bool:
        """Name a passkey; False when there is none such. A name opens nothing, so no fresh proof is asked for."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute(LOCK_ACCOUNT_SQL, user_id)
            await read_standing_row(connection, user_id, session_id, now)
            return bool(await connection.fetchval(_RENAME_SQL, user_id, factor_id, name))

    async def remove(self, user_id: int, session_id: int, factor_id: int, now: datetime) -> FactorKind | None:
        """Remove a factor with its event, and with the last one all recovery codes; None when there is none such."""
        async with changing(self._pool, user_id, session_id, now) as (connection, _standing):
            removed = [
                kind
                for kind, statement in _REMOVE_SQL.items()
                if await connection.fetchval(statement, user_id, factor_id)
            ]
            if not removed:
                return None
            kind = removed[0]
            was_last = not await connection.fetchval(_HAS_SECOND_FACTOR_SQL, user_id)
            if was_last:
                # They stand for a factor that is no more.
                await connection.execute(_REMOVE_CODES_SQL, user_id)
            payload = event_payloads.factor_removed(factor_id, kind, was_last=was_last)
            await write_event(connection, event_payloads.FACTOR_REMOVED, user_id, user_id, payload)
            return kind

    async def replace_recovery_codes(
        self, user_id: int, session_id: int, hashes: Sequence[bytes], now: datetime
    ) -> bool:
        """Keep these codes and no others, with the event; False when the account has no second factor."""
        async with changing(self._pool, user_id, session_id, now) as (connection, standing):
            if not standing.holdings.has_second_factor:
                return False
            await connection.execute(_REMOVE_CODES_SQL, user_id)
            try:
                await connection.execute(_ADD_CODES_SQL, user_id, list(hashes))
            except asyncpg.IntegrityConstraintViolationError as error:
                # Its DETAIL repeats the row, which must not reach a log.
                raise RuntimeError(f"recovery codes refused by {error.constraint_name}") from None
            payload = event_payloads.recovery_codes_created(len(hashes))
            await write_event(connection, event_payloads.RECOVERY_CODES_CREATED, user_id, user_id, payload)
            return True


async def _require_own_phone(connection: PostgresConnection, user_id: int) -> None:
    """A factor on a number that was only claimed would keep the number's owner out, who comes with a code alone."""
    if await connection.fetchval(_CLAIMED_PHONE_SQL, user_id):
        raise failed_precondition("show first that the phone is yours: sign in with a code", "PHONE_NOT_PROVED")


async def _tell_added(connection: PostgresConnection, user_id: int, factor_id: int, kind: FactorKind) -> None:
    payload = event_payloads.factor_added(factor_id, kind)
    await write_event(connection, event_payloads.FACTOR_ADDED, user_id, user_id, payload)
