"""Answers the challenge of a sign-in, and starts its session."""

from __future__ import annotations

from dataclasses import dataclass

from services.auth.application.answer_check import AnswerCheck, challenge_expired, factor_invalid
from services.auth.application.factor_ports import Challenges, FactorMint
from services.auth.application.factor_records import Answer
from services.auth.application.ports import TokenPair
from services.auth.application.session_opener import SessionOpener
from services.auth.domain.challenges import ChallengePurpose
from services.auth.domain.device import Device
from services.auth.domain.factors import METHOD_OF, Factor
from services.chassis.clock import Clock
from services.chassis.errors import invalid


@dataclass(frozen=True, slots=True)
class ChallengeAnswered:
    """A started session."""

    user_id: int
    tokens: TokenPair
    recovery_codes_left: int


class AnswerChallenge:
    """The use case. Challenge, factor and session change in one transaction: of racers with one code one gets in."""

    def __init__(
        self, check: AnswerCheck, challenges: Challenges, mint: FactorMint, opener: SessionOpener, clock: Clock
    ) -> None:
        self._check = check
        self._challenges = challenges
        self._mint = mint
        self._opener = opener
        self._clock = clock

    async def __call__(self, token: str, answer: Answer, device: Device) -> ChallengeAnswered:
        """Start the session.

        AppError INVALID_ARGUMENT; UNAUTHENTICATED, reason FACTOR_INVALID with metadata tries_left, or
        CHALLENGE_EXPIRED; PERMISSION_DENIED, reason ACCOUNT_SUSPENDED; RESOURCE_EXHAUSTED, reason OVERLOADED.
        """
        if answer.factor is Factor.PASSWORD:
            # It is what a sign-in begins with, or what a code by message stands beside; never the second factor.
            raise invalid("answer", "must be a second factor")
        answer = self._check.normal(answer)
        reserved = await self._check.reserve(token, ChallengePurpose.SIGN_IN, device.digest, answer.factor)
        used = await self._check.verdict(reserved, answer)
        if used is None:
            raise factor_invalid(reserved.tries_left)
        if reserved.proof is None:
            raise challenge_expired()
        proof = reserved.proof.strengthened(METHOD_OF[answer.factor], self._clock.now())
        opening = self._opener.prepare(proof, device)
        finished = await self._challenges.finish_sign_in(
            self._mint.hash_token(token), reserved.user_id, used, opening.stored
        )
        if finished is None:
            # Used by its own twin, or once before.
            raise factor_invalid(reserved.tries_left)
        pair = self._opener.pair(finished.session, opening.refresh_token, opening.stored.refresh_expires_at)
        return ChallengeAnswered(reserved.user_id, pair, finished.recovery_codes_left)
