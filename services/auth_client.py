"""What every other service asks of auth: the keys that verify tokens, and the tokens that are good no more."""

from __future__ import annotations

from typing import Final

import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor

from daira.auth.v1 import auth_service_pb2, auth_service_pb2_grpc, session_service_pb2, session_service_pb2_grpc
from services.chassis.peer_errors import to_app_error
from services.chassis.revocations import Revocation, RevocationPage

AUTH_APIS: Final[tuple[ServiceDescriptor, ...]] = (
    auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"],
    session_service_pb2.DESCRIPTOR.services_by_name["SessionService"],
)


class AuthKeys:
    """A JwksSource over auth's GetJwks."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = auth_service_pb2_grpc.AuthServiceStub(channel)

    async def fetch(self) -> str:
        """The key set as RFC 7517 JSON; AppError when auth is away."""
        try:
            response: auth_service_pb2.GetJwksResponse = await self._stub.GetJwks(auth_service_pb2.GetJwksRequest())
        except grpc.aio.AioRpcError as error:
            raise to_app_error(error) from error
        return response.jwks_json


class AuthRevocations:
    """A RevocationSource over auth's ListRevocations. The channel must carry this service's token."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = session_service_pb2_grpc.SessionServiceStub(channel)

    async def read(self, seen: str, after: int) -> RevocationPage:
        """What came since `seen`; AppError when auth is away."""
        try:
            response: session_service_pb2.ListRevocationsResponse = await self._stub.ListRevocations(
                session_service_pb2.ListRevocationsRequest(seen_snapshot=seen, after=after)
            )
        except grpc.aio.AioRpcError as error:
            raise to_app_error(error) from error
        revocations = [
            Revocation(one.session_id, one.user_id, one.least_epoch, one.issued_before.seconds)
            for one in response.revocations
        ]
        return RevocationPage(revocations, response.snapshot, response.last, response.has_more)
