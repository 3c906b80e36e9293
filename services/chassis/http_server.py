"""Serves an ASGI application with uvicorn, and ends without a failed request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog
import uvicorn

from services.chassis.lifecycle import pause

_KEEP_ALIVE_S: Final = 75
_BACKLOG: Final = 2048
_POLL_S: Final = 0.02
_PORT_MAX: Final = 65_535

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HttpListen:
    """Where to listen, and how long to wait at the end: until balancers know, and for running requests. Seconds."""

    host: str
    port: int
    drain_wait_s: float
    drain_grace_s: float


def read_address(text: str) -> tuple[str, int]:
    """Host and port of "host:port"; ValueError when it is none."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > _PORT_MAX:
        raise ValueError("not host:port")
    return host.strip("[]"), int(port)


class HttpReadiness(Protocol):
    """Whether traffic should come here."""

    def ready(self) -> bool:
        """True when it should."""
        ...

    def drain(self) -> None:
        """From now on it should not: the process is about to end."""
        ...


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process has one way to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: Any,
    settings: HttpListen,
    readiness: HttpReadiness,
    stop: asyncio.Event,
    on_listening: Callable[[int], None] | None = None,
) -> None:
    """Serve until `stop`; then answer not ready, wait until balancers know, and let running requests end.

    OSError when the address is taken. `on_listening` is told the port once requests are accepted.
    """
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Who the client is behind trusted proxies is read from their header here, where their number is known.
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(settings.drain_grace_s) or None,
    )
    listener = _listen(settings.host, settings.port)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn tells nobody that it has started
            await asyncio.sleep(_POLL_S)
        port = listener.getsockname()[1]
        if on_listening is not None:
            on_listening(port)
        await _until_ready(readiness, stop)
        if not stop.is_set():
            _log.info("ready", listen=f"{settings.host}:{port}")
        await _first(stop, serving)
        readiness.drain()
        await _first(asyncio.Event(), serving, timeout_s=settings.drain_wait_s)
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def _until_ready(readiness: HttpReadiness, stop: asyncio.Event) -> None:
    while not readiness.ready() and not stop.is_set():
        await pause(stop, _POLL_S)


async def _first(stop: asyncio.Event, serving: asyncio.Task[None], timeout_s: float | None = None) -> None:
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((waiting, serving), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener
