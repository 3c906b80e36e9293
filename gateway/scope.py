"""What the resolvers of one request share: calls to the backends, and the loaders."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

import grpc.aio
import structlog
from google.protobuf.message import Message
from graphql import GraphQLResolveInfo

from gateway.binding import contract
from gateway.binding.answers import BatchSpec
from gateway.binding.contract import Method
from gateway.errors import INTERNAL, GatewayError, masked
from gateway.loaders import Loader
from gateway.rpc_errors import from_app_error, from_rpc_error
from services.chassis.errors import AppError

_log = structlog.get_logger(__name__)


class Calls(Protocol):
    """What can call the backends."""

    async def call(self, method: Method, request: bytes) -> bytes:
        """The answer; AioRpcError or AppError."""
        ...


class Streams(Protocol):
    """What can listen to the backends."""

    def stream(self, method: Method, request: bytes) -> AsyncIterator[bytes]:
        """The answers one by one; AioRpcError or AppError. Closing the iterator cancels the call."""
        ...


def serialized(request: Message) -> bytes:
    """The bytes of a request: the same for the same request."""
    return request.SerializeToString(deterministic=True)


class RequestScope:
    """The context value of one execution; with `streams` for a subscription."""

    def __init__(self, calls: Calls, streams: Streams | None = None) -> None:
        self._calls = calls
        self._streams = streams
        self._loaders: dict[str, Loader] = {}

    async def call(self, method: Method, request: Message) -> Any:
        """The answer of an RPC; GatewayError when it failed. What is masked is logged here."""
        try:
            response = await self._calls.call(method, serialized(request))
        except (grpc.aio.AioRpcError, AppError) as error:
            raise _shown(method, error) from error
        return method.response_class.FromString(response)

    async def stream(self, method: Method, request: Message) -> AsyncIterator[Any]:
        """The answers of an RPC that streams; GatewayError as `call`."""
        if self._streams is None:
            raise masked()
        try:
            async for response in self._streams.stream(method, serialized(request)):
                yield method.response_class.FromString(response)
        except (grpc.aio.AioRpcError, AppError) as error:
            raise _shown(method, error) from error

    def loader(self, spec: BatchSpec) -> Loader:
        """The loader of a batch method, one a request."""
        found = self._loaders.get(spec.method)
        if found is None:
            found = self._loaders[spec.method] = Loader(_Fetch(self, spec))
        return found

    def close(self) -> None:
        """The request is over."""
        for loader in self._loaders.values():
            loader.close()


def _shown(method: Method, error: grpc.aio.AioRpcError | AppError) -> GatewayError:
    if isinstance(error, AppError):
        return from_app_error(error)
    shown = from_rpc_error(error)
    if shown.code == INTERNAL:
        status, details = error.code().name, error.details()
        _log.error("rpc_failed", method=method.name, status=status, details=details, error_id=shown.error_id)
    return shown


# What resolvers get: the field, and the scope as `info.context`.
Info = GraphQLResolveInfo[RequestScope]


class _Fetch:
    """Calls a batch method and sorts what it found by id."""

    def __init__(self, scope: RequestScope, spec: BatchSpec) -> None:
        self._scope = scope
        self._spec = spec
        self._method = contract.method(spec.method)

    async def __call__(self, numbers: Sequence[int]) -> Mapping[int, Any]:
        request = self._method.request_class(**{self._spec.ids: numbers})
        response = await self._scope.call(self._method, request)
        return {getattr(item, self._spec.key): item for item in getattr(response, self._spec.items)}
