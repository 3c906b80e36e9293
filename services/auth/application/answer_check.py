"""Checks one answer to a challenge, counted beforehand so that parallel guesses gain nothing."""

from __future__ import annotations

from services.auth.application.factor_ports import Challenges, FactorMint, Passkeys, Totp
from services.auth.application.factor_records import (
    Answer,
    ReservedAnswer,
    Used,
    UsedPasskey,
    UsedPassword,
    UsedRecoveryCode,
    UsedTotp,
)
from services.auth.application.ports import PasswordHasher
from services.auth.domain.challenges import ChallengePurpose, ChallengeRules, looks_like_challenge_token
from services.auth.domain.codes import read_code
from services.auth.domain.factors import Factor
from services.auth.domain.password import given_password
from services.auth.domain.recovery_codes import read_recovery_code
from services.chassis.clock import Clock
from services.chassis.errors import AppError, ErrorKind, exhausted, invalid, unauthenticated


class AnswerCheck:
    """The only way to an answer's verdict."""

    def __init__(
        self,
        challenges: Challenges,
        mint: FactorMint,
        totp: Totp,
        passkeys: Passkeys,
        hasher: PasswordHasher,
        rules: ChallengeRules,
        clock: Clock,
    ) -> None:
        self._challenges = challenges
        self._mint = mint
        self._totp = totp
        self._passkeys = passkeys
        self._hasher = hasher
        self._rules = rules
        self._clock = clock

    def normal(self, answer: Answer) -> Answer:
        """The answer in its one spelling; AppError INVALID_ARGUMENT when it is none: that costs no try."""
        match answer.factor:
            case Factor.TOTP:
                return Answer(answer.factor, read_code(answer.text))
            case Factor.RECOVERY_CODE:
                return Answer(answer.factor, read_recovery_code(answer.text))
            case Factor.PASSWORD:
                return Answer(answer.factor, given_password(answer.text))
            case Factor.PASSKEY:
                if self._passkeys.read_assertion(answer.text) is None:
                    raise invalid("passkey_assertion", "must be the JSON of an assertion, at most 16 KiB")
                return answer

    async def reserve(
        self, token: str, purpose: ChallengePurpose, device_digest: bytes, factor: Factor
    ) -> ReservedAnswer:
        """Count an answer before it is looked at.

        AppError UNAUTHENTICATED, reason CHALLENGE_EXPIRED, when the challenge takes none; RESOURCE_EXHAUSTED, reason
        OVERLOADED, after too many guesses on the account, or when too many passwords wait.
        """
        if not looks_like_challenge_token(token):
            raise challenge_expired()
        if factor is Factor.PASSWORD:
            self._hasher.require_room()
        reserved = await self._challenges.reserve(
            self._mint.hash_token(token),
            purpose,
            device_digest,
            self._clock.now(),
            self._rules,
            # A signature is not guessed.
            is_guess=factor is not Factor.PASSKEY,
        )
        if reserved is None:
            raise challenge_expired()
        if not reserved.within_account:
            raise exhausted("too many wrong answers on this account", reserved.wait_ms)
        return reserved

    async def verdict(self, reserved: ReservedAnswer, answer: Answer) -> Used | None:
        """What the answer uses up when it is right, else None."""
        match answer.factor:
            case Factor.TOTP:
                return self._totp_used(reserved, answer.text)
            case Factor.RECOVERY_CODE:
                # Looked up by a keyed hash: how long that takes tells nothing of any code.
                return UsedRecoveryCode(self._mint.hash_recovery_code(reserved.user_id, answer.text))
            case Factor.PASSKEY:
                return await self._passkey_used(reserved, answer.text)
            case Factor.PASSWORD:
                is_right = await self._hasher.verify(reserved.password_hash, answer.text)
                return UsedPassword() if is_right else None

    def _totp_used(self, reserved: ReservedAnswer, code: str) -> UsedTotp | None:
        if reserved.totp_sealed is None:
            return None
        secret = self._mint.open_secret(reserved.user_id, reserved.totp_sealed)
        step = self._totp.matching_step(secret, code, self._clock.now(), reserved.totp_last_step)
        return None if step is None else UsedTotp(step)

    async def _passkey_used(self, reserved: ReservedAnswer, text: str) -> UsedPasskey | None:
        assertion = self._passkeys.read_assertion(text)
        if assertion is None:
            return None
        stored = await self._challenges.find_passkey(assertion.credential_id)
        if stored is None or stored.user_id != reserved.user_id:
            return None
        handle = assertion.user_handle
        if handle is not None and handle != self._passkeys.user_handle(stored.user_id):
            return None
        return self._passkeys.verify_assertion(text, reserved.to_sign, stored)


def challenge_expired() -> AppError:
    """The challenge takes no more answers, or not these."""
    return unauthenticated("CHALLENGE_EXPIRED", "begin again")


def factor_invalid(tries_left: int) -> AppError:
    """The answer is wrong."""
    return AppError(
        ErrorKind.UNAUTHENTICATED, "FACTOR_INVALID", "the answer is wrong", metadata={"tries_left": str(tries_left)}
    )
