"""Changes and verifies a person's names: a code goes to the new name, and only who reads it there may have it."""

from __future__ import annotations

from typing import Final

from services.auth.application.account_ports import Closing, NameOutcome, NameReader, Names
from services.auth.application.code_ports import CodeMint, Codes
from services.auth.application.ports import RawIdentifier
from services.auth.application.send_code import CodeSent, SendCode
from services.auth.domain.codes import CodePurpose, CodeRules, looks_like_flow_token, read_code
from services.auth.domain.identifier import mask_email, mask_phone
from services.chassis.clock import Clock
from services.chassis.errors import AppError, ErrorKind, already_exists, failed_precondition, unauthenticated

_EXPIRED: Final = "ask for another code"


class ChangeNames:
    """The use cases.

    Beginning never looks whose the name is, so that its answer cannot tell; the code's message is the notice to whoever
    holds it. Confirming says that the name is taken only to who reads what is sent there, and could as well sign in.
    A flow is bound to person and purpose where a sign-in's is bound to a device: neither passes for the other.
    """

    def __init__(
        self,
        reader: NameReader,
        send: SendCode,
        codes: Codes,
        names: Names,
        closing: Closing,
        mint: CodeMint,
        rules: CodeRules,
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._send = send
        self._codes = codes
        self._names = names
        self._closing = closing
        self._mint = mint
        self._rules = rules
        self._clock = clock

    async def begin_phone(self, user_id: int, phone: str, key: str, network: str) -> CodeSent:
        """Send a code to the phone; AppError INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE."""
        name = self._reader.read_phone(phone, "phone").value
        return await self._begin(user_id, CodePurpose.CHANGE_PHONE, name, key, network)

    async def begin_email(self, user_id: int, email: str, key: str, network: str) -> CodeSent:
        """Send a code to the address; errors like `begin_phone`."""
        name = self._reader.read(RawIdentifier(email=email)).value
        return await self._begin(user_id, CodePurpose.CHANGE_EMAIL, name, key, network)

    async def begin_verification(self, user_id: int, key: str, network: str) -> CodeSent:
        """Send a code to the account's own address; FAILED_PRECONDITION, reason EMAIL_MISSING, when it has none."""
        state = await self._closing.state(user_id)
        if state is None or not state.email:
            raise failed_precondition("the account has no e-mail address", "EMAIL_MISSING")
        return await self._begin(user_id, CodePurpose.VERIFY_EMAIL, state.email, key, network)

    async def confirm(
        self, user_id: int, session_id: int, purpose: CodePurpose, flow_token: str, code_text: str
    ) -> str:
        """Change or verify the name; the name, masked.

        AppError UNAUTHENTICATED, reason CODE_INVALID with metadata tries_left, or CODE_EXPIRED; ALREADY_EXISTS, reason
        ACCOUNT_EXISTS, when the name is another account's.
        """
        code = read_code(code_text)
        if not looks_like_flow_token(flow_token):
            raise unauthenticated("CODE_EXPIRED", _EXPIRED)
        flow_hash, now = self._mint.hash_flow(flow_token), self._clock.now()
        device_hash = self._mint.hash_device(_binding(user_id, purpose))
        reserved = await self._codes.reserve(flow_hash, device_hash, now, self._rules.tries)
        if reserved is None:
            return await self._repeat(flow_hash, device_hash, code)
        if not self._mint.matches(flow_hash, code, reserved.code_hash):
            raise AppError(
                ErrorKind.UNAUTHENTICATED,
                "CODE_INVALID",
                "the code is wrong",
                metadata={"tries_left": str(reserved.tries_left)},
            )
        name = self._mint.open_phone(flow_hash, reserved.phone_sealed)
        outcome = await self._names.confirm(flow_hash, purpose, name, user_id, session_id, now)
        if outcome is NameOutcome.TAKEN:
            raise already_exists("this phone or e-mail has an account", "ACCOUNT_EXISTS")
        if outcome is NameOutcome.USED:
            return await self._repeat(flow_hash, device_hash, code)
        return _mask(name)

    async def _begin(self, user_id: int, purpose: CodePurpose, name: str, key: str, network: str) -> CodeSent:
        return await self._send.send_to(name, purpose, _binding(user_id, purpose), key, network)

    async def _repeat(self, flow_hash: bytes, device_hash: bytes, code: str) -> str:
        """The answer again, for whom it was lost."""
        since = self._clock.now() - self._rules.repeat_grace
        used = await self._names.reserve_repeat(flow_hash, device_hash, since, self._rules.repeats)
        if used is None or not self._mint.matches(flow_hash, code, used.code_hash):
            raise unauthenticated("CODE_EXPIRED", _EXPIRED)
        return _mask(self._mint.open_phone(flow_hash, used.name_sealed))


def _binding(user_id: int, purpose: CodePurpose) -> str:
    # The colons make it no device's id, which RedeemCode would take.
    return f"account:{user_id}:{purpose.name}"


def _mask(name: str) -> str:
    return mask_email(name) if "@" in name else mask_phone(name)
