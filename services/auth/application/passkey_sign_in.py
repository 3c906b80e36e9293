"""Signs a person in by a passkey, without a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.auth.application.answer_check import challenge_expired
from services.auth.application.code_ports import BudgetCharge, BudgetSpent, BudgetSubjects
from services.auth.application.factor_ports import Challenges, FactorMint, Passkeys
from services.auth.application.factor_records import NewChallenge, ReservedAnswer, UsedPasskey
from services.auth.application.ports import TokenPair
from services.auth.application.session_opener import SessionOpener
from services.auth.domain.assurance import Method, Proof
from services.auth.domain.challenges import BeginLimit, ChallengePurpose, ChallengeRules, looks_like_challenge_token
from services.auth.domain.code_budgets import Charge, Scope
from services.auth.domain.device import Device
from services.chassis.clock import Clock
from services.chassis.errors import AppError, exhausted, unauthenticated, unavailable


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What a device needs to make or to prove a passkey. `options` is JSON; times are in UTC."""

    token: str = field(repr=False)
    options: str = field(repr=False)
    expires_at: datetime


class PasskeySignIn:
    """The use cases. An unknown passkey and a wrong signature are refused alike."""

    def __init__(
        self,
        challenges: Challenges,
        mint: FactorMint,
        passkeys: Passkeys,
        opener: SessionOpener,
        rules: ChallengeRules,
        limit: BeginLimit,
        subjects: BudgetSubjects,
        clock: Clock,
    ) -> None:
        self._challenges = challenges
        self._mint = mint
        self._passkeys = passkeys
        self._opener = opener
        self._rules = rules
        self._limit = limit
        self._subjects = subjects
        self._clock = clock

    async def begin(self, device: Device) -> Ceremony:
        """Open a ceremony.

        AppError UNAVAILABLE where no passkeys are taken; RESOURCE_EXHAUSTED, reason OVERLOADED, when the device's
        network has begun too many.
        """
        if not self._passkeys.is_open:
            raise passkeys_closed()
        now, token, to_sign = self._clock.now(), self._mint.new_token(), self._mint.new_to_sign()
        new = NewChallenge(
            challenge_hash=self._mint.hash_token(token),
            purpose=ChallengePurpose.PASSKEY_SIGN_IN,
            device_digest=device.digest,
            to_sign=to_sign,
            proof=None,
            made_at=now,
            expires_at=now + self._rules.life,
        )
        spent = await self._challenges.open_for_anybody(new, self._charges(device.network))
        if spent is not None:
            raise _too_many(spent)
        return Ceremony(token, self._passkeys.request_options(to_sign, ()), new.expires_at)

    def _charges(self, network: str) -> Sequence[BudgetCharge]:
        """An unknown network, "", costs nothing."""
        if not network:
            return ()
        charge = Charge(Scope.PASSKEY_BEGINS, network, self._limit.window, self._limit.network_begins)
        return [BudgetCharge(self._subjects.budget_subject(charge), charge)]

    async def finish(self, token: str, credential_json: str, device: Device) -> tuple[int, TokenPair]:
        """The account's id and the tokens of its new session.

        AppError UNAUTHENTICATED, reason CHALLENGE_EXPIRED or CREDENTIALS_INVALID; PERMISSION_DENIED, reason
        ACCOUNT_SUSPENDED.
        """
        if not looks_like_challenge_token(token):
            raise challenge_expired()
        now, challenge_hash = self._clock.now(), self._mint.hash_token(token)
        reserved = await self._challenges.reserve(
            challenge_hash, ChallengePurpose.PASSKEY_SIGN_IN, device.digest, now, self._rules, is_guess=False
        )
        if reserved is None:
            raise challenge_expired()
        found = await self._verified(reserved, credential_json)
        if found is None:
            raise _refused()
        user_id, used = found
        opening = self._opener.prepare(Proof(Method.PASSKEY, now), device)
        finished = await self._challenges.finish_sign_in(challenge_hash, user_id, used, opening.stored)
        if finished is None:
            raise _refused()
        return user_id, self._opener.pair(finished.session, opening.refresh_token, opening.stored.refresh_expires_at)

    async def _verified(self, reserved: ReservedAnswer, credential_json: str) -> tuple[int, UsedPasskey] | None:
        assertion = self._passkeys.read_assertion(credential_json)
        if assertion is None:
            return None
        stored = await self._challenges.find_passkey(assertion.credential_id)
        # Where nobody was named the passkey must name its owner.
        if stored is None or assertion.user_handle != self._passkeys.user_handle(stored.user_id):
            return None
        used = self._passkeys.verify_assertion(credential_json, reserved.to_sign, stored)
        return None if used is None else (stored.user_id, used)


def _too_many(spent: BudgetSpent) -> AppError:
    return exhausted("too many sign-ins were begun", max(1, spent.wait // timedelta(milliseconds=1)))


def passkeys_closed() -> AppError:
    """No domain is set that passkeys could belong to."""
    return unavailable("no passkeys are taken here", "SERVICE_UNAVAILABLE")


def _refused() -> AppError:
    return unauthenticated("CREDENTIALS_INVALID", "this passkey does not sign in here")
