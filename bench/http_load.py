"""A closed-loop HTTP/1.1 load generator: keep-alive connections that each wait for an answer before they ask again."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httptools

from bench.ghz import LoadRun


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


async def run(host: str, port: int, requests: Sequence[HttpRequest], *, seconds: float, clients: int) -> LoadRun:
    """Sends the requests in turn from `clients` connections for some seconds."""
    loop = asyncio.get_running_loop()
    turn = itertools.cycle(requests)
    latencies: list[float] = []
    failures = 0
    started = time.perf_counter()

    async def one() -> None:
        nonlocal failures
        _, client = await loop.create_connection(Client, host, port)
        while time.perf_counter() - started < seconds:
            before = time.perf_counter()
            good = await client.ask(next(turn))
            if good:
                latencies.append((time.perf_counter() - before) * 1000)
            else:
                failures += 1
        if client.transport:
            client.transport.close()

    await asyncio.gather(*(one() for _ in range(clients)))
    return LoadRun(tuple(latencies), len(latencies) / (time.perf_counter() - started), failures)
