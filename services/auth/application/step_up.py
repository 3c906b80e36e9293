"""Proves again who one is, for the session that one is in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.auth.application.answer_check import AnswerCheck, challenge_expired, factor_invalid
from services.auth.application.factor_ports import Challenges, FactorMint
from services.auth.application.factor_records import Answer, NewChallenge
from services.auth.application.second_factors import Challenge, SecondFactors
from services.auth.application.session_opener import SessionOpener
from services.auth.domain.challenges import ChallengePurpose, ChallengeRules
from services.auth.domain.factors import METHOD_OF
from services.chassis.clock import Clock
from services.chassis.errors import failed_precondition, token_revoked


@dataclass(frozen=True, slots=True)
class SteppedUp:
    """A session with a fresh proof."""

    access_token: str = field(repr=False)
    access_expires_at: datetime
    level: int
    recovery_codes_left: int


class StepUp:
    """The use cases."""

    def __init__(
        self,
        check: AnswerCheck,
        challenges: Challenges,
        factors: SecondFactors,
        mint: FactorMint,
        opener: SessionOpener,
        rules: ChallengeRules,
        clock: Clock,
    ) -> None:
        self._check = check
        self._challenges = challenges
        self._factors = factors
        self._mint = mint
        self._opener = opener
        self._rules = rules
        self._clock = clock

    async def begin(self, user_id: int, session_id: int) -> Challenge:
        """Open a challenge of the session.

        AppError UNAUTHENTICATED, reason TOKEN_REVOKED, when it has ended; FAILED_PRECONDITION, reason
        FACTOR_NOT_FOUND, when the account has nothing to answer with.
        """
        now, token = self._clock.now(), self._mint.new_token()
        new = NewChallenge(
            challenge_hash=self._mint.hash_token(token),
            purpose=ChallengePurpose.STEP_UP,
            # The session says where it is.
            device_digest=b"",
            to_sign=self._mint.new_to_sign(),
            proof=None,
            made_at=now,
            expires_at=now + self._rules.life,
        )
        opened = await self._challenges.open_in_session(user_id, session_id, new)
        if opened is None:
            raise token_revoked()
        factors = opened.holdings.step_up_factors()
        if not factors:
            raise failed_precondition("there is neither password nor factor: sign in by code again", "FACTOR_NOT_FOUND")
        return self._factors.shown(token, opened, factors)

    async def finish(self, user_id: int, session_id: int, token: str, answer: Answer) -> SteppedUp:
        """Strengthen the session; errors as of AnswerChallenge."""
        answer = self._check.normal(answer)
        reserved = await self._check.reserve(token, ChallengePurpose.STEP_UP, b"", answer.factor)
        if (reserved.user_id, reserved.session_id) != (user_id, session_id):
            raise challenge_expired()
        used = await self._check.verdict(reserved, answer)
        if used is None:
            raise factor_invalid(reserved.tries_left)
        finished = await self._challenges.finish_step_up(
            self._mint.hash_token(token), reserved, used, METHOD_OF[answer.factor], self._clock.now()
        )
        if finished is None:
            raise factor_invalid(reserved.tries_left)
        access_token, expires_at = self._opener.access(finished.session)
        return SteppedUp(access_token, expires_at, finished.session.proof.level, finished.recovery_codes_left)
