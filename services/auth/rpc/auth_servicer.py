"""AuthService: decode the request, call the use case, encode the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from daira.auth.v1 import auth_service_pb2 as pb
from daira.auth.v1 import auth_service_pb2_grpc
from services.auth.application.get_account import GetAccount
from services.auth.application.ports import RawIdentifier
from services.auth.application.refresh_tokens import RefreshTokens
from services.auth.application.register import Register
from services.auth.application.second_factors import Challenge
from services.auth.application.sign_in import SignIn
from services.auth.application.sign_out import SignOut
from services.auth.rpc.callers import Devices, caller
from services.auth.rpc.factor_messages import encode_challenge
from services.auth.rpc.token_pairs import encode_pair, encode_time
from services.chassis.idempotency import check_key


@dataclass(frozen=True, slots=True)
class UseCases:
    """What AuthService does."""

    register: Register
    sign_in: SignIn
    refresh_tokens: RefreshTokens
    sign_out: SignOut
    get_account: GetAccount


class AuthServicer(auth_service_pb2_grpc.AuthServiceServicer):
    """AuthService over the use cases; `jwks` renders the public keys. Errors climb as AppError."""

    def __init__(self, use_cases: UseCases, jwks: Callable[[], str], devices: Devices) -> None:
        self._use_cases = use_cases
        self._jwks = jwks
        self._devices = devices

    async def Register(self, request: pb.RegisterRequest, context: Any) -> pb.RegisterResponse:  # noqa: N802
        """Make an account and sign it in."""
        key = check_key(request.idempotency_key)
        device = self._devices.of(request.device, context)
        registered = await self._use_cases.register(_raw(request.identifier), request.password, key, device)
        return pb.RegisterResponse(user_id=registered.user_id, tokens=encode_pair(registered.tokens))

    async def SignIn(self, request: pb.SignInRequest, context: Any) -> pb.SignInResponse:  # noqa: N802
        """Check a password and start a session."""
        device = self._devices.of(request.device, context)
        signed_in = await self._use_cases.sign_in(_raw(request.identifier), request.password, device)
        if isinstance(signed_in, Challenge):
            return pb.SignInResponse(challenge=encode_challenge(signed_in))
        return pb.SignInResponse(user_id=signed_in.user_id, tokens=encode_pair(signed_in.tokens))

    async def RefreshTokens(  # noqa: N802
        self, request: pb.RefreshTokensRequest, _context: Any
    ) -> pb.RefreshTokensResponse:
        """Exchange a refresh token."""
        pair = await self._use_cases.refresh_tokens(request.refresh_token, self._devices.key_thumbprint())
        return pb.RefreshTokensResponse(tokens=encode_pair(pair))

    async def SignOut(self, _request: pb.SignOutRequest, _context: Any) -> pb.SignOutResponse:  # noqa: N802
        """End the caller's session."""
        await self._use_cases.sign_out(*caller())
        return pb.SignOutResponse()

    async def GetAccount(self, _request: pb.GetAccountRequest, _context: Any) -> pb.GetAccountResponse:  # noqa: N802
        """The caller's account, masked."""
        account = await self._use_cases.get_account(*caller())
        return pb.GetAccountResponse(
            user_id=account.user_id,
            masked_phone=account.masked_phone,
            masked_email=account.masked_email,
            created_at=encode_time(account.created_at),
        )

    async def GetJwks(self, _request: pb.GetJwksRequest, _context: Any) -> pb.GetJwksResponse:  # noqa: N802
        """The public keys."""
        return pb.GetJwksResponse(jwks_json=self._jwks())


def _raw(identifier: pb.Identifier) -> RawIdentifier:
    match identifier.WhichOneof("value"):
        case "phone":
            return RawIdentifier(phone=identifier.phone)
        case "email":
            return RawIdentifier(email=identifier.email)
        case _:
            return RawIdentifier()
