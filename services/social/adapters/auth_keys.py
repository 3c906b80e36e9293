"""The public keys of access tokens, asked of the auth service."""

from __future__ import annotations

import grpc.aio

from daira.auth.v1 import auth_service_pb2, auth_service_pb2_grpc


class AuthKeys:
    """A JwksSource over auth's GetJwks."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = auth_service_pb2_grpc.AuthServiceStub(channel)

    async def fetch(self) -> str:
        """The key set as RFC 7517 JSON; AioRpcError when auth is away."""
        response: auth_service_pb2.GetJwksResponse = await self._stub.GetJwks(auth_service_pb2.GetJwksRequest())
        return response.jwks_json
