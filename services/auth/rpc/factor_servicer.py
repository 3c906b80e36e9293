"""FactorService: decode the request, call the use case, encode the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daira.auth.v1 import challenges_pb2, factor_service_pb2_grpc
from daira.auth.v1 import factor_service_pb2 as pb
from services.auth.application.answer_challenge import AnswerChallenge
from services.auth.application.change_password import ChangePassword
from services.auth.application.manage_factors import ManageFactors
from services.auth.application.passkey_sign_in import PasskeySignIn
from services.auth.application.step_up import StepUp
from services.auth.rpc.callers import Devices, caller
from services.auth.rpc.factor_messages import encode_challenge, encode_factors, encode_passkey, read_answer
from services.auth.rpc.token_pairs import encode_pair, encode_time


@dataclass(frozen=True, slots=True)
class FactorUseCases:
    """What FactorService does."""

    manage: ManageFactors
    passwords: ChangePassword
    passkey_sign_in: PasskeySignIn
    answer_challenge: AnswerChallenge
    step_up: StepUp


class FactorServicer(factor_service_pb2_grpc.FactorServiceServicer):
    """FactorService over the use cases. Errors climb as AppError."""

    def __init__(self, use_cases: FactorUseCases, devices: Devices) -> None:
        self._do = use_cases
        self._devices = devices

    async def GetFactors(self, _request: pb.GetFactorsRequest, _context: Any) -> pb.GetFactorsResponse:  # noqa: N802
        """The caller's factors."""
        return encode_factors(await self._do.manage.get(*caller()))

    async def BeginTotp(self, _request: pb.BeginTotpRequest, _context: Any) -> pb.BeginTotpResponse:  # noqa: N802
        """Make the secret of an authenticator app."""
        begun = await self._do.manage.begin_totp(*caller())
        return pb.BeginTotpResponse(uri=begun.uri, secret=begun.secret, expires_at=encode_time(begun.expires_at))

    async def ConfirmTotp(self, request: pb.ConfirmTotpRequest, _context: Any) -> pb.ConfirmTotpResponse:  # noqa: N802
        """Add it."""
        return pb.ConfirmTotpResponse(factor_id=await self._do.manage.confirm_totp(*caller(), request.code))

    async def BeginPasskey(  # noqa: N802
        self, _request: pb.BeginPasskeyRequest, _context: Any
    ) -> pb.BeginPasskeyResponse:
        """Begin to add a passkey."""
        ceremony = await self._do.manage.begin_passkey(*caller())
        return pb.BeginPasskeyResponse(
            ceremony_token=ceremony.token,
            options_json=ceremony.options,
            expires_at=encode_time(ceremony.expires_at),
        )

    async def FinishPasskey(  # noqa: N802
        self, request: pb.FinishPasskeyRequest, _context: Any
    ) -> pb.FinishPasskeyResponse:
        """Add it."""
        passkey = await self._do.manage.finish_passkey(
            *caller(), request.ceremony_token, request.credential_json, request.name
        )
        return pb.FinishPasskeyResponse(passkey=encode_passkey(passkey))

    async def RenamePasskey(  # noqa: N802
        self, request: pb.RenamePasskeyRequest, _context: Any
    ) -> pb.RenamePasskeyResponse:
        """Name a passkey."""
        await self._do.manage.rename_passkey(*caller(), request.factor_id, request.name)
        return pb.RenamePasskeyResponse()

    async def RemoveFactor(  # noqa: N802
        self, request: pb.RemoveFactorRequest, _context: Any
    ) -> pb.RemoveFactorResponse:
        """Remove a factor."""
        await self._do.manage.remove(*caller(), request.factor_id)
        return pb.RemoveFactorResponse()

    async def CreateRecoveryCodes(  # noqa: N802
        self, _request: pb.CreateRecoveryCodesRequest, _context: Any
    ) -> pb.CreateRecoveryCodesResponse:
        """Make recovery codes."""
        return pb.CreateRecoveryCodesResponse(codes=await self._do.manage.create_recovery_codes(*caller()))

    async def ChangePassword(  # noqa: N802
        self, request: pb.ChangePasswordRequest, _context: Any
    ) -> pb.ChangePasswordResponse:
        """Change the password."""
        ended = await self._do.passwords.change(
            *caller(), request.current_password, request.new_password, end_others=request.end_other_sessions
        )
        return pb.ChangePasswordResponse(sessions_ended=ended)

    async def SetPassword(self, request: pb.SetPasswordRequest, _context: Any) -> pb.SetPasswordResponse:  # noqa: N802
        """Set a password."""
        ended = await self._do.passwords.set(*caller(), request.new_password, end_others=request.end_other_sessions)
        return pb.SetPasswordResponse(sessions_ended=ended)

    async def BeginPasskeySignIn(  # noqa: N802
        self, request: challenges_pb2.BeginPasskeySignInRequest, context: Any
    ) -> challenges_pb2.BeginPasskeySignInResponse:
        """Begin a sign-in by passkey."""
        ceremony = await self._do.passkey_sign_in.begin(self._devices.of(request.device, context))
        return challenges_pb2.BeginPasskeySignInResponse(
            ceremony_token=ceremony.token,
            options_json=ceremony.options,
            expires_at=encode_time(ceremony.expires_at),
        )

    async def FinishPasskeySignIn(  # noqa: N802
        self, request: challenges_pb2.FinishPasskeySignInRequest, context: Any
    ) -> challenges_pb2.FinishPasskeySignInResponse:
        """Sign in by passkey."""
        user_id, tokens = await self._do.passkey_sign_in.finish(
            request.ceremony_token, request.credential_json, self._devices.of(request.device, context)
        )
        return challenges_pb2.FinishPasskeySignInResponse(user_id=user_id, tokens=encode_pair(tokens))

    async def AnswerChallenge(  # noqa: N802
        self, request: challenges_pb2.AnswerChallengeRequest, context: Any
    ) -> challenges_pb2.AnswerChallengeResponse:
        """Answer the challenge of a sign-in."""
        answered = await self._do.answer_challenge(
            request.challenge_token, read_answer(request.answer), self._devices.of(request.device, context)
        )
        return challenges_pb2.AnswerChallengeResponse(
            user_id=answered.user_id,
            tokens=encode_pair(answered.tokens),
            recovery_codes_left=answered.recovery_codes_left,
        )

    async def BeginStepUp(  # noqa: N802
        self, _request: challenges_pb2.BeginStepUpRequest, _context: Any
    ) -> challenges_pb2.BeginStepUpResponse:
        """Begin to prove again who one is."""
        return challenges_pb2.BeginStepUpResponse(challenge=encode_challenge(await self._do.step_up.begin(*caller())))

    async def FinishStepUp(  # noqa: N802
        self, request: challenges_pb2.FinishStepUpRequest, _context: Any
    ) -> challenges_pb2.FinishStepUpResponse:
        """Prove it."""
        stepped_up = await self._do.step_up.finish(*caller(), request.challenge_token, read_answer(request.answer))
        return challenges_pb2.FinishStepUpResponse(
            access_token=stepped_up.access_token,
            access_expires_at=encode_time(stepped_up.access_expires_at),
            level=stepped_up.level,
            recovery_codes_left=stepped_up.recovery_codes_left,
        )
