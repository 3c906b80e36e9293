"""FactorService for tests: a person with an authenticator app, a passkey and recovery codes."""

from __future__ import annotations

from typing import Any

import pyotp

from daira.auth.v1 import auth_service_pb2 as auth_pb
from daira.auth.v1 import challenges_pb2, factor_service_pb2_grpc
from daira.auth.v1 import factor_service_pb2 as pb
from tests.fakes.software_authenticator import SoftwareAuthenticator
from tests.integration.auth.server import GOOD, Running, bearer, identifier

PHONE = "01001234567"
DEVICE = auth_pb.Device(device_id="device-of-the-test-1", device_name="هاتف منى")


class Factors:
    """FactorService of a running auth, seen by one person; `access` is the token they hold."""

    def __init__(self, auth: Running, access: str = "") -> None:
        self.auth = auth
        self.stub = factor_service_pb2_grpc.FactorServiceStub(auth.channel)
        self.access = access
        self.secret = ""

    async def call(self, method: str, request: Any) -> Any:
        return await getattr(self.stub, method)(request, metadata=bearer(self.access) if self.access else None)

    async def register(self, name: str = PHONE) -> auth_pb.RegisterResponse:
        made = await self.auth.register(name)
        # As if by a code: what factors ask for first.
        await self.auth.pool.execute(
            "UPDATE accounts SET phone_proved_at = created_at WHERE user_id = $1", made.user_id
        )
        self.access = made.tokens.access_token
        return made

    def code(self, away: int = 0) -> str:
        """What the app shows now, or so many steps from now."""
        return str(pyotp.TOTP(self.secret).generate_otp(self.auth.clock.now_ms() // 30_000 + away))

    def next_code(self) -> str:
        """What the app shows when the code of now is used up."""
        self.auth.clock.advance(30)
        return self.code()

    def wrong_code(self, number: int = 0) -> str:
        """A code that the app does not show around now."""
        right = {self.code(away) for away in (-1, 0, 1)}
        return next(code for code in (f"{(number + n) % 1_000_000:06d}" for n in range(4)) if code not in right)

    async def add_totp(self) -> int:
        begun: pb.BeginTotpResponse = await self.call("BeginTotp", pb.BeginTotpRequest())
        self.secret = begun.secret
        confirmed: pb.ConfirmTotpResponse = await self.call("ConfirmTotp", pb.ConfirmTotpRequest(code=self.code()))
        return confirmed.factor_id

    async def add_passkey(self, device: SoftwareAuthenticator, name: str = "هاتف منى") -> pb.PasskeyFactor:
        begun: pb.BeginPasskeyResponse = await self.call("BeginPasskey", pb.BeginPasskeyRequest())
        finished: pb.FinishPasskeyResponse = await self.call(
            "FinishPasskey",
            pb.FinishPasskeyRequest(
                ceremony_token=begun.ceremony_token, credential_json=device.create(begun.options_json), name=name
            ),
        )
        return finished.passkey

    async def recovery_codes(self) -> list[str]:
        return list((await self.call("CreateRecoveryCodes", pb.CreateRecoveryCodesRequest())).codes)

    async def sign_in(
        self, name: str = PHONE, password: str = GOOD, device: auth_pb.Device = DEVICE
    ) -> auth_pb.SignInResponse:
        request = auth_pb.SignInRequest(identifier=identifier(name), password=password, device=device)
        answer: auth_pb.SignInResponse = await self.auth.stub.SignIn(request)
        return answer

    async def answer(
        self, token: str, device: auth_pb.Device = DEVICE, **answer: str
    ) -> challenges_pb2.AnswerChallengeResponse:
        request = challenges_pb2.AnswerChallengeRequest(
            challenge_token=token, answer=challenges_pb2.FactorAnswer(**answer), device=device
        )
        answered: challenges_pb2.AnswerChallengeResponse = await self.stub.AnswerChallenge(request)
        return answered

    async def challenge(self, name: str = PHONE) -> auth_pb.Challenge:
        """The challenge of a sign-in by password."""
        answer = await self.sign_in(name)
        assert not answer.HasField("tokens")
        assert answer.user_id == 0
        return answer.challenge

    async def begin_step_up(self) -> auth_pb.Challenge:
        begun: challenges_pb2.BeginStepUpResponse = await self.call("BeginStepUp", challenges_pb2.BeginStepUpRequest())
        return begun.challenge

    async def step_up(self, **answer: str) -> challenges_pb2.FinishStepUpResponse:
        """Prove it again, and hold the token answered."""
        challenge = await self.begin_step_up()
        request = challenges_pb2.FinishStepUpRequest(
            challenge_token=challenge.challenge_token, answer=challenges_pb2.FactorAnswer(**answer)
        )
        finished: challenges_pb2.FinishStepUpResponse = await self.call("FinishStepUp", request)
        self.access = finished.access_token
        return finished

    async def passkey_sign_in(
        self, device: SoftwareAuthenticator, **wrong: Any
    ) -> challenges_pb2.FinishPasskeySignInResponse:
        begun = await self.stub.BeginPasskeySignIn(challenges_pb2.BeginPasskeySignInRequest(device=DEVICE))
        request = challenges_pb2.FinishPasskeySignInRequest(
            ceremony_token=begun.ceremony_token, credential_json=device.get(begun.options_json, **wrong), device=DEVICE
        )
        finished: challenges_pb2.FinishPasskeySignInResponse = await self.stub.FinishPasskeySignIn(request)
        return finished
