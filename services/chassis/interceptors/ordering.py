"""The order of the interceptors, asserted, and their composition into the one that gRPC sees."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

import grpc
import grpc.aio

from services.chassis.access import AccessTable
from services.chassis.clock import Clock
from services.chassis.interceptors.authentication import AuthenticationLayer, PeerReader
from services.chassis.interceptors.deadline import DeadlineLayer
from services.chassis.interceptors.errors import ErrorsLayer
from services.chassis.interceptors.layer import Behaviour, Layer
from services.chassis.interceptors.logging import LoggingLayer
from services.chassis.interceptors.metrics import MetricsLayer
from services.chassis.interceptors.request_context import RequestContextLayer
from services.chassis.metrics import Metrics
from services.chassis.tokens import TokenVerifier

# From the outside in. Logs and metrics see the final code, so errors become codes inside them; deadlines and refusals
# are errors, so they are inside that; and time spent on verifying a token counts against the deadline.
ORDER: Final = ("request_context", "logging", "metrics", "errors", "deadline", "authentication")

# Probes and tools call these before anyone has a token; they are not the house's own code.
_INFRASTRUCTURE: Final = ("/grpc.health.v1.", "/grpc.reflection.")


def chassis_layers(
    access_table: AccessTable,
    verifier: TokenVerifier | None,
    clock: Clock,
    metrics: Metrics,
    default_deadline_s: float,
    stream_limit_s: float,
    dpop_url: str = "",
    peers: PeerReader | None = None,
) -> tuple[Layer, ...]:
    """The layers of every server of the house."""
    return (
        RequestContextLayer(),
        LoggingLayer(),
        MetricsLayer(metrics),
        ErrorsLayer(),
        DeadlineLayer(access_table, default_deadline_s, stream_limit_s),
        AuthenticationLayer(access_table, verifier, clock, dpop_url, peers),
    )


class LayeredInterceptor(grpc.aio.ServerInterceptor):
    """All layers as one gRPC interceptor, composed once a method."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        names = tuple(layer.name for layer in layers)
        if names != ORDER:
            raise ValueError(f"interceptors are in the order {names}, not {ORDER}")
        self._layers = tuple(layers)
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The layered handler of the method, or None for a method that nobody serves."""
        method = handler_call_details.method
        known = self._handlers.get(method)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None or method.startswith(_INFRASTRUCTURE):
            return handler
        wrapped = self._wrap(method, handler)
        self._handlers[method] = wrapped
        return wrapped

    def _wrap(self, method: str, handler: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
        # A method that answers by a stream is a coroutine too: it writes to its context.
        behaviour = cast("Behaviour | None", handler.unary_unary or handler.unary_stream)
        if behaviour is None:
            raise TypeError(f"{method} takes a stream; the house takes single requests only")
        for layer in reversed(self._layers):
            behaviour = layer.wrap(method, behaviour)
        make = (
            grpc.unary_stream_rpc_method_handler if handler.response_streaming else grpc.unary_unary_rpc_method_handler
        )
        return make(
            behaviour,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
