"""Second factors at sign-in: who has one gets a challenge instead of tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.auth.application.factor_ports import Challenges, FactorMint, Passkeys
from services.auth.application.factor_records import NewChallenge, OpenedChallenge
from services.auth.domain.assurance import Proof
from services.auth.domain.challenges import ChallengePurpose, ChallengeRules
from services.auth.domain.device import Device
from services.auth.domain.factors import Factor
from services.chassis.clock import Clock


@dataclass(frozen=True, slots=True)
class Challenge:
    """What is still to be proved. `passkey_options` is JSON, "" where no passkey can answer."""

    token: str = field(repr=False)
    factors: tuple[Factor, ...]
    expires_at: datetime
    passkey_options: str = field(repr=False)


class SecondFactors:
    """Opens challenges of sign-ins."""

    def __init__(
        self, challenges: Challenges, mint: FactorMint, passkeys: Passkeys, rules: ChallengeRules, clock: Clock
    ) -> None:
        self._challenges = challenges
        self._mint = mint
        self._passkeys = passkeys
        self._rules = rules
        self._clock = clock

    async def challenge(self, user_id: int, proof: Proof, device: Device) -> Challenge | None:
        """What the account must prove besides; None when that is nothing."""
        token = self._mint.new_token()
        opened = await self._challenges.open_sign_in(user_id, self._new(token, proof, device))
        return None if opened is None else self.shown(token, opened, opened.holdings.second_factors())

    async def challenge_of_flow(
        self, flow_hash: bytes, flow_token: str, code: str, phone: str, proof: Proof, device: Device
    ) -> Challenge | None:
        """The same for the account of a phone shown by a code, whose flow is used up with it."""
        token = self._mint.flow_token(flow_token, code)
        opened = await self._challenges.open_for_flow(flow_hash, phone, self._new(token, proof, device))
        return None if opened is None else self.shown(token, opened, opened.holdings.second_factors())

    async def repeat_of_flow(self, flow_hash: bytes, flow_token: str, code: str) -> Challenge | None:
        """The challenge that this flow and code led to a moment ago, if they did."""
        token = self._mint.flow_token(flow_token, code)
        opened = await self._challenges.reopen_for_flow(
            flow_hash, self._mint.hash_token(token), self._clock.now(), self._rules
        )
        return None if opened is None else self.shown(token, opened, opened.holdings.second_factors())

    def shown(self, token: str, opened: OpenedChallenge, factors: tuple[Factor, ...]) -> Challenge:
        """The challenge as its owner gets it; passkeys are asked for only where they are taken."""
        if not self._passkeys.is_open:
            factors = tuple(factor for factor in factors if factor is not Factor.PASSKEY)
        options = ""
        if Factor.PASSKEY in factors:
            options = self._passkeys.request_options(opened.to_sign, opened.credentials)
        return Challenge(token, factors, opened.expires_at, options)

    def _new(self, token: str, proof: Proof, device: Device) -> NewChallenge:
        now = self._clock.now()
        return NewChallenge(
            challenge_hash=self._mint.hash_token(token),
            purpose=ChallengePurpose.SIGN_IN,
            device_digest=device.digest,
            to_sign=self._mint.new_to_sign(),
            proof=proof,
            made_at=now,
            expires_at=now + self._rules.life,
        )
