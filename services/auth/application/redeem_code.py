"""Exchanges a one-time code for a session, once."""

from __future__ import annotations

from dataclasses import dataclass

from services.auth.application.code_ports import CodeMint, Codes, Redemption
from services.auth.application.ports import RefreshTokenMint, TokenPair
from services.auth.application.second_factors import Challenge, SecondFactors
from services.auth.application.session_opener import SessionOpener
from services.auth.domain.assurance import Method, Proof
from services.auth.domain.codes import CodeRules, looks_like_flow_token, read_code
from services.auth.domain.device import Device
from services.chassis.clock import Clock
from services.chassis.errors import AppError, ErrorKind, unauthenticated


@dataclass(frozen=True, slots=True)
class CodeRedeemed:
    """A started session."""

    user_id: int
    tokens: TokenPair
    is_new_account: bool


class RedeemCode:
    """The use case.

    The session's refresh token is stored sealed with flow token and code, so that a repeat of a call whose answer was
    lost gets it again, while the database alone can give it to nobody.
    """

    def __init__(
        self,
        codes: Codes,
        mint: CodeMint,
        refresh_mint: RefreshTokenMint,
        factors: SecondFactors,
        opener: SessionOpener,
        rules: CodeRules,
        clock: Clock,
    ) -> None:
        self._codes = codes
        self._mint = mint
        self._refresh_mint = refresh_mint
        self._factors = factors
        self._opener = opener
        self._rules = rules
        self._clock = clock

    async def __call__(
        self, flow_token: str, code_text: str, device: Device, device_id: str
    ) -> CodeRedeemed | Challenge:
        """Start a session on `device`, or ask for the account's second factor first.

        `device_id` is the one that the flow was opened with.

        AppError INVALID_ARGUMENT; UNAUTHENTICATED, reason CODE_INVALID with metadata tries_left, or CODE_EXPIRED when
        the flow is unknown, over, used or out of tries; PERMISSION_DENIED, reason ACCOUNT_SUSPENDED.
        """
        code = read_code(code_text)
        if not looks_like_flow_token(flow_token):
            raise _expired()
        flow_hash, device_hash = self._mint.hash_flow(flow_token), self._mint.hash_device(device_id)
        reserved = await self._codes.reserve(flow_hash, device_hash, self._clock.now(), self._rules.tries)
        if reserved is None:
            return await self._repeat(flow_token, code, device_hash)
        if not self._mint.matches(flow_hash, code, reserved.code_hash):
            raise _wrong(reserved.tries_left)
        proof = Proof(Method.CODE, self._clock.now())
        phone = self._mint.open_phone(flow_hash, reserved.phone_sealed)
        challenge = await self._factors.challenge_of_flow(flow_hash, flow_token, code, phone, proof, device)
        if challenge is not None:
            return challenge
        opening = self._opener.prepare(proof, device)
        redeemed = await self._codes.redeem(
            Redemption(
                flow_hash=flow_hash,
                phone=phone,
                session=opening.stored,
                refresh_sealed=self._refresh_mint.seal(_both(flow_token, code), opening.refresh_token),
            )
        )
        if redeemed is None:
            # Its own twin was faster.
            return await self._repeat(flow_token, code, device_hash)
        pair = self._opener.pair(redeemed.session, opening.refresh_token, opening.stored.refresh_expires_at)
        return CodeRedeemed(redeemed.session.user_id, pair, redeemed.is_new_account)

    async def _repeat(self, flow_token: str, code: str, device_hash: bytes) -> CodeRedeemed | Challenge:
        flow_hash, now = self._mint.hash_flow(flow_token), self._clock.now()
        repeated = await self._codes.reserve_repeat(
            flow_hash, device_hash, now, now - self._rules.repeat_grace, self._rules.repeats
        )
        if repeated is None:
            challenge = await self._factors.repeat_of_flow(flow_hash, flow_token, code)
            if challenge is not None:
                return challenge
        if repeated is None or not self._mint.matches(flow_hash, code, repeated.code_hash):
            raise _expired()
        refresh_token = self._refresh_mint.unseal(_both(flow_token, code), repeated.refresh_sealed)
        redeemed = repeated.redeemed
        pair = self._opener.pair(redeemed.session, refresh_token, repeated.refresh_expires_at)
        return CodeRedeemed(redeemed.session.user_id, pair, redeemed.is_new_account)


def _both(flow_token: str, code: str) -> str:
    return f"{flow_token}.{code}"


def _wrong(tries_left: int) -> AppError:
    return AppError(
        ErrorKind.UNAUTHENTICATED, "CODE_INVALID", "the code is wrong", metadata={"tries_left": str(tries_left)}
    )


def _expired() -> AppError:
    return unauthenticated("CODE_EXPIRED", "ask for another code")
