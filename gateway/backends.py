"""Channels to the services, calls over them, and what is known of their health."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import grpc.aio

from gateway.binding import contract
from gateway.binding.contract import Method
from services.chassis.client import ClientSettings, create_channel
from services.chassis.lifecycle import pause

_WATCH_EVERY_S: Final = 0.5
# After this long a service that has never answered no longer keeps the others' users out.
_PATIENCE_S: Final = 10.0


class Backends:
    """The services behind the gateway. A channel is READY only while its service says SERVING: gRPC checks that."""

    def __init__(self, addresses: Mapping[str, str], *, timeout_s: float) -> None:
        settings = ClientSettings(timeout_s=timeout_s)
        self._channels = {
            name: create_channel(address, contract.services(name), forward_user=True, settings=settings)
            for name, address in addresses.items()
        }
        self._calls: dict[str, Any] = {}
        self._states = dict.fromkeys(addresses, "connecting")
        self._seen: set[str] = set()
        self.ending = asyncio.Event()
        """Set when this process is about to end: what would go on for long ends now."""
        self._patient_until = time.monotonic() + _PATIENCE_S

    async def call(self, method: Method, request: bytes) -> bytes:
        """The answer of a service, with the current context's token, request id and remaining time."""
        found = self._calls.get(method.path)
        if found is None:
            # Without serializers: a plan works on bytes, and whoever wants messages makes them.
            found = self._calls[method.path] = self._channels[method.backend].unary_unary(method.path)
        response: bytes = await found(request)
        return response

    async def stream(self, method: Method, request: bytes) -> AsyncIterator[bytes]:
        """The answers of a service one by one, with the current context's token and request id and no deadline."""
        opened: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = self._channels[method.backend].unary_stream(
            method.path
        )
        call = opened(request)
        try:
            async for response in call:
                yield response
        finally:
            call.cancel()

    async def watch(self, stop: asyncio.Event) -> None:
        """Keep the channels connected and their states known, until `stop`."""
        while not stop.is_set():
            for name, channel in self._channels.items():
                state = channel.get_state(try_to_connect=True)
                self._states[name] = state.name.lower()
                if state is grpc.ChannelConnectivity.READY:
                    self._seen.add(name)
            await pause(stop, _WATCH_EVERY_S)

    @property
    def draining(self) -> bool:
        """Whether this process is about to end."""
        return self.ending.is_set()

    def drain(self) -> None:
        """From now on not ready."""
        self.ending.set()

    def ready(self) -> bool:
        """Not draining, and every service was ready once; or some time has passed and at least one is.

        One service away must not take the whole edge with it: what does not need it goes on.
        """
        if self.draining:
            return False
        if len(self._seen) < len(self._channels) and time.monotonic() < self._patient_until:
            return False
        return "ready" in self._states.values()

    def states(self) -> dict[str, str]:
        """Connectivity by service, and this process."""
        return {**self._states, "gateway": "draining" if self.draining else "serving"}

    async def close(self) -> None:
        """Close the channels."""
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))
