"""Channels to other services: each call carries the request's id, its caller and what is left of its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor

from services.chassis import context as call_context
from services.chassis.interceptors.deadline import too_short
from services.chassis.interceptors.request_context import (
    AUTHORIZATION_HEADER,
    DPOP_HEADER,
    FORWARDED_FOR_HEADER,
    REQUEST_ID_HEADER,
    new_request_id,
)
from services.chassis.service_config import service_config
from services.chassis.service_tokens import PeerTokens

_MIN_TIMEOUT_S: Final = 0.002


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """timeout_s is the longest any call waits; margin_s is kept of the caller's deadline to use the answer."""

    timeout_s: float = 2.0
    margin_s: float = 0.01
    max_receive_bytes: int = 4 << 20


def create_channel(
    address: str,
    services: Sequence[ServiceDescriptor],
    *,
    tokens: PeerTokens | None = None,
    forward_user: bool = False,
    settings: ClientSettings | None = None,
) -> grpc.aio.Channel:
    """A channel to `address` ("host:port", "dns:///host:port" or "ipv4:a:1,b:2") for generated stubs of `services`.

    A call sends the current caller's own token when `forward_user` and there is one, else this service's token for
    the peer when there are `tokens`, else none; with `forward_user` also the address
    that the person's request came from. Its timeout is the least of settings.timeout_s, the one given and the current
    deadline less the margin; with nothing left, AppError DEADLINE_EXCEEDED is raised at once. Failures raise
    AioRpcError: peer_errors.to_app_error translates. Close the channel when done.
    """
    settings = settings or ClientSettings()
    channel = grpc.aio.insecure_channel(
        address,
        options=[
            ("grpc.service_config", service_config(services)),
            ("grpc.enable_retries", 1),
            # Service config in DNS could change what is retried; this one is the law.
            ("grpc.service_config_disable_resolution", 1),
            ("grpc.max_receive_message_length", settings.max_receive_bytes),
            # A peer that hangs or a route that is gone is found in seconds even with no call running.
            ("grpc.keepalive_time_ms", 10_000),
            ("grpc.keepalive_timeout_ms", 3_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            ("grpc.use_local_subchannel_pool", 1),
        ],
    )
    return ContextChannel(channel, tokens, settings, forward_user=forward_user)


class ContextChannel(grpc.aio.Channel):
    """A channel whose unary calls carry the current context.

    It wraps the calls themselves: gRPC's own client interceptors would make a task of each.
    """

    def __init__(
        self, channel: grpc.aio.Channel, tokens: PeerTokens | None, settings: ClientSettings, *, forward_user: bool
    ) -> None:
        self._channel = channel
        self._tokens = tokens
        self._settings = settings
        self._forward_user = forward_user

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """The callable of a unary method, as stubs ask for it."""
        return _ContextCallable(self, self._channel.unary_unary(method, *args, **kwargs))

    def metadata(self) -> list[tuple[str, str | bytes]]:
        """What the next call sends beside its request."""
        current = call_context.current()
        metadata: list[tuple[str, str | bytes]] = [(REQUEST_ID_HEADER, current.request_id or new_request_id())]
        if self._forward_user and current.bearer:
            scheme = "DPoP" if current.is_bound else "Bearer"
            metadata.append((AUTHORIZATION_HEADER, f"{scheme} {current.bearer}"))
        elif self._tokens is not None:
            metadata.append((AUTHORIZATION_HEADER, f"Bearer {self._tokens.mint()}"))
        if self._forward_user and current.dpop:
            metadata.append((DPOP_HEADER, current.dpop))
        if self._forward_user and current.client_address:
            metadata.append((FORWARDED_FOR_HEADER, current.client_address))
        return metadata

    def timeout_s(self, given_s: float | None) -> float:
        """How long the next call may take; AppError DEADLINE_EXCEEDED when it could not end in time."""
        limit_s = self._settings.timeout_s if given_s is None else min(given_s, self._settings.timeout_s)
        remaining_s = call_context.current().remaining_s()
        if remaining_s is not None:
            limit_s = min(limit_s, remaining_s - self._settings.margin_s)
        if limit_s < _MIN_TIMEOUT_S:
            raise too_short()
        return limit_s

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """The callable of a method that streams answers: it carries the context, and no deadline but a given one."""
        call = self._channel.unary_stream(method, *args, **kwargs)

        def start(request: Any, *, metadata: Sequence[tuple[str, str | bytes]] | None = None, **options: Any) -> Any:
            return call(request, metadata=(*self.metadata(), *(metadata or ())), **options)

        return start

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        """As the wrapped channel."""
        return self._channel.stream_unary(*args, **kwargs)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        """As the wrapped channel."""
        return self._channel.stream_stream(*args, **kwargs)

    async def close(self, grace: float | None = None) -> None:
        """As the wrapped channel."""
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002 - gRPC's own
        """As the wrapped channel."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """As the wrapped channel."""
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """As the wrapped channel."""
        await self._channel.channel_ready()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._channel.close(None)


class _ContextCallable:
    """One unary method of a ContextChannel."""

    __slots__ = ("_call", "_channel")

    def __init__(self, channel: ContextChannel, call: Any) -> None:
        self._channel = channel
        self._call = call

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str | bytes]] | None = None,
        **options: Any,
    ) -> Any:
        """Start the call; await what it returns."""
        return self._call(
            request,
            timeout=self._channel.timeout_s(timeout),
            metadata=(*self._channel.metadata(), *(metadata or ())),
            **options,
        )
