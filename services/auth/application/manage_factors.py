"""Adds, names and removes second factors."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.auth.application.answer_check import challenge_expired, factor_invalid
from services.auth.application.factor_ports import Challenges, FactorMint, Factors, Passkeys, Totp
from services.auth.application.factor_records import FactorList, NewChallenge, PasskeyView
from services.auth.application.passkey_sign_in import Ceremony, passkeys_closed
from services.auth.domain.challenges import ChallengePurpose, ChallengeRules, looks_like_challenge_token
from services.auth.domain.codes import read_code
from services.auth.domain.factors import MAX_NAME_CHARS, MAX_PASSKEYS, PENDING_LIFE
from services.auth.domain.recovery_codes import read_recovery_code
from services.chassis.clock import Clock
from services.chassis.errors import AppError, failed_precondition, not_found, token_revoked, unauthenticated
from services.chassis.text import clean_text


@dataclass(frozen=True, slots=True)
class TotpBegun:
    """A secret to be confirmed until `expires_at`, in UTC."""

    uri: str = field(repr=False)
    secret: str = field(repr=False)
    expires_at: datetime


class ManageFactors:
    """The use cases. `user_id` and `session_id` are the caller's.

    All raise AppError UNAUTHENTICATED, reason TOKEN_REVOKED, when the session has ended, and those that change what
    opens the account reason STEP_UP_NEEDED.
    """

    def __init__(
        self,
        factors: Factors,
        challenges: Challenges,
        mint: FactorMint,
        totp: Totp,
        passkeys: Passkeys,
        rules: ChallengeRules,
        clock: Clock,
    ) -> None:
        self._factors = factors
        self._challenges = challenges
        self._mint = mint
        self._totp = totp
        self._passkeys = passkeys
        self._rules = rules
        self._clock = clock

    async def get(self, user_id: int, session_id: int) -> FactorList:
        """All factors of the account."""
        return await self._factors.list(user_id, session_id, self._clock.now())

    async def begin_totp(self, user_id: int, session_id: int) -> TotpBegun:
        """Make a secret; AppError FAILED_PRECONDITION, reason FACTOR_LIMIT_REACHED."""
        now, secret = self._clock.now(), self._totp.new_secret()
        name = await self._factors.begin_totp(user_id, session_id, self._mint.seal_secret(user_id, secret), now)
        return TotpBegun(self._totp.uri(secret, name), self._totp.base32(secret), now + PENDING_LIFE)

    async def confirm_totp(self, user_id: int, session_id: int, code_text: str) -> int:
        """The factor's id; AppError UNAUTHENTICATED, reason FACTOR_INVALID or CHALLENGE_EXPIRED.

        Whoever may confirm a secret has seen it, so guesses of its codes need no counting.
        """
        code, now = read_code(code_text), self._clock.now()
        await self._factors.standing(user_id, session_id, now)
        pending = await self._factors.find_totp(user_id)
        if pending is None:
            raise challenge_expired()
        secret = self._mint.open_secret(user_id, pending.sealed)
        if pending.is_confirmed:
            # A repeat, its first answer lost: the code of the step that was used last.
            if self._totp.matching_step(secret, code, now, pending.last_step - 1) == pending.last_step:
                return pending.factor_id
            raise challenge_expired()
        step = self._totp.matching_step(secret, code, now, pending.last_step)
        if step is None:
            raise unauthenticated("FACTOR_INVALID", "the code is wrong")
        if not await self._factors.confirm_totp(user_id, session_id, pending.factor_id, step, now):
            raise challenge_expired()
        return pending.factor_id

    async def begin_passkey(self, user_id: int, session_id: int) -> Ceremony:
        """Open a ceremony; AppError FAILED_PRECONDITION, reason FACTOR_LIMIT_REACHED; UNAVAILABLE without a domain."""
        if not self._passkeys.is_open:
            raise passkeys_closed()
        now, token, to_sign = self._clock.now(), self._mint.new_token(), self._mint.new_to_sign()
        standing = await self._factors.standing(user_id, session_id, now)
        standing.require_fresh(now)
        if standing.holdings.passkeys >= MAX_PASSKEYS:
            raise failed_precondition(f"the account has {MAX_PASSKEYS} passkeys", "FACTOR_LIMIT_REACHED")
        new = NewChallenge(
            challenge_hash=self._mint.hash_token(token),
            purpose=ChallengePurpose.ADD_PASSKEY,
            device_digest=b"",
            to_sign=to_sign,
            proof=None,
            made_at=now,
            expires_at=now + self._rules.life,
        )
        opened = await self._challenges.open_in_session(user_id, session_id, new)
        if opened is None:
            raise token_revoked()
        options = self._passkeys.creation_options(user_id, standing.name, to_sign, opened.credentials)
        return Ceremony(token, options, new.expires_at)

    async def finish_passkey(
        self, user_id: int, session_id: int, token: str, credential_json: str, name_text: str
    ) -> PasskeyView:
        """The passkey added; AppError UNAUTHENTICATED, reason FACTOR_INVALID or CHALLENGE_EXPIRED."""
        name = clean_text(name_text, "name", 0, MAX_NAME_CHARS, multiline=False)
        if not looks_like_challenge_token(token):
            raise challenge_expired()
        now, challenge_hash = self._clock.now(), self._mint.hash_token(token)
        reserved = await self._challenges.reserve(
            challenge_hash, ChallengePurpose.ADD_PASSKEY, b"", now, self._rules, is_guess=False
        )
        if reserved is None:
            added = await self._factors.find_added(user_id, challenge_hash)
            if added is None:
                raise challenge_expired()
            # A repeat, its first answer lost.
            await self._factors.standing(user_id, session_id, now)
            return added
        if (reserved.user_id, reserved.session_id) != (user_id, session_id):
            raise challenge_expired()
        credential = self._passkeys.verify_registration(credential_json, reserved.to_sign)
        if credential is None:
            raise factor_invalid(reserved.tries_left)
        return await self._factors.add_passkey(user_id, session_id, challenge_hash, credential, name, now)

    async def rename_passkey(self, user_id: int, session_id: int, factor_id: int, name_text: str) -> None:
        """Name a passkey; AppError NOT_FOUND, reason FACTOR_NOT_FOUND."""
        name = clean_text(name_text, "name", 1, MAX_NAME_CHARS, multiline=False)
        if not await self._factors.rename_passkey(user_id, session_id, factor_id, name, self._clock.now()):
            raise _no_factor()

    async def remove(self, user_id: int, session_id: int, factor_id: int) -> None:
        """Remove a factor; AppError NOT_FOUND, reason FACTOR_NOT_FOUND."""
        if await self._factors.remove(user_id, session_id, factor_id, self._clock.now()) is None:
            raise _no_factor()

    async def create_recovery_codes(self, user_id: int, session_id: int) -> list[str]:
        """Ten codes in place of all others; AppError NOT_FOUND, reason FACTOR_NOT_FOUND, without a second factor."""
        codes = self._mint.new_recovery_codes()
        hashes = [self._mint.hash_recovery_code(user_id, read_recovery_code(code)) for code in codes]
        if not await self._factors.replace_recovery_codes(user_id, session_id, hashes, self._clock.now()):
            raise _no_factor()
        return codes


def _no_factor() -> AppError:
    return not_found("factor", "FACTOR_NOT_FOUND")
