"""An HTTP/1.1 load generator on keep-alive connections, in a closed loop and in an open one.

In a closed loop each connection waits for its answer before it asks again; an open one asks at a constant rate.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httptools

from bench.load_run import LoadRun

# An open loop that has so many calls unanswered has left the server behind: nothing more is learnt from it.
UNANSWERED_MAX = 1000


@dataclass(frozen=True)
class HttpRequest:
    """One prepared POST: its bytes on the wire."""

    wire: bytes

    @classmethod
    def post(cls, path: str, body: bytes, *, headers: dict[str, str]) -> HttpRequest:
        """A POST of a JSON body."""
        lines = [
            f"POST {path} HTTP/1.1",
            "host: bench",
            "content-type: application/json",
            f"content-length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return cls("\r\n".join([*lines, "", ""]).encode() + body)


class Client(asyncio.Protocol):
    """One connection. Answers are parsed by httptools; a body holding "errors" counts as failed."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[bool] | None = None
        self.parser = httptools.HttpResponseParser(self)
        self.failed = False

    @classmethod
    async def connected(cls, host: str, port: int) -> Client:
        """A client on a new connection."""
        _, client = await asyncio.get_running_loop().create_connection(cls, host, port)
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio gives create_connection a Transport
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Feeds the parser; a new parser for each answer keeps its state simple."""
        self.failed = self.failed or b'"errors"' in data
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Ends the wait of ask()."""
        good = self.parser.get_status_code() == 200 and not self.failed
        self.parser, self.failed = httptools.HttpResponseParser(self), False
        if self.answer and not self.answer.done():
            self.answer.set_result(good)

    def connection_lost(self, exc: Exception | None) -> None:
        """A lost connection is a failed answer."""
        if self.answer and not self.answer.done():
            self.answer.set_exception(exc or ConnectionError("the server closed the connection"))

    async def ask(self, request: HttpRequest) -> bool:
        """Sends a request and waits for its answer; whether it was good."""
        assert self.transport is not None  # noqa: S101 - set before create_connection returns
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request.wire)
        return await self.answer

    def close(self) -> None:
        """Ends the connection."""
        if self.transport:
            self.transport.close()


async def run(host: str, port: int, requests: Sequence[HttpRequest], *, seconds: float, clients: int) -> LoadRun:
    """Sends the requests in turn from `clients` connections for some seconds."""
    turn = itertools.cycle(requests)
    latencies: list[float] = []
    failures = 0
    started = time.perf_counter()

    async def one() -> None:
        nonlocal failures
        client = await Client.connected(host, port)
        while time.perf_counter() - started < seconds:
            before = time.perf_counter()
            if await client.ask(next(turn)):
                latencies.append((time.perf_counter() - before) * 1000)
            else:
                failures += 1
        client.close()

    await asyncio.gather(*(one() for _ in range(clients)))
    return LoadRun(tuple(latencies), len(latencies) / (time.perf_counter() - started), failures)


async def run_open(host: str, port: int, requests: Sequence[HttpRequest], *, seconds: float, rate: int) -> LoadRun:
    """Sends the requests in turn, `rate` a second, each on a connection that waits for nothing.

    Each latency counts from when its request was due, not from when this process came to send it.
    """
    loop = asyncio.get_running_loop()
    turn = itertools.cycle(requests)
    free: list[Client] = []
    asked: list[asyncio.Task[None]] = []
    unanswered = 0
    latencies: list[float] = []
    failures = 0
    started = time.perf_counter()

    async def ask(due: float) -> None:
        nonlocal failures, unanswered
        try:
            client = free.pop() if free else await Client.connected(host, port)
            good = await client.ask(next(turn))
            free.append(client)
        except OSError:
            good = False
        unanswered -= 1
        if good:
            latencies.append((time.perf_counter() - due) * 1000)
        else:
            failures += 1

    def is_due(due: float) -> None:
        nonlocal failures, unanswered
        if unanswered == UNANSWERED_MAX:
            failures += 1
            return
        unanswered += 1
        asked.append(loop.create_task(ask(due)))

    def pace() -> None:
        # In a thread, for the timers of the event loop are late by up to a millisecond.
        for number in range(round(seconds * rate)):
            due = started + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            loop.call_soon_threadsafe(is_due, due)

    await asyncio.to_thread(pace)
    await asyncio.gather(*asked)
    elapsed = time.perf_counter() - started
    for client in free:
        client.close()
    return LoadRun(tuple(latencies), len(latencies) / elapsed, failures)
