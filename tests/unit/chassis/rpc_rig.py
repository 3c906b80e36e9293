"""A service made up for tests, its descriptors built at run time, and servers of it on free ports."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, wrappers_pb2
from google.protobuf.descriptor import ServiceDescriptor

from services.chassis.access import AccessRule, AccessTable
from services.chassis.clock import SystemClock
from services.chassis.errors import AppError
from services.chassis.jwks import KeySet
from services.chassis.metrics import Metrics
from services.chassis.peer_errors import to_app_error
from services.chassis.server import ServerBuilder, ServerSettings, serve
from services.chassis.tokens import TokenVerifier
from tests.fakes.service_keys import verifier_of

SERVICE = "test.v1.EchoService"
FAST = ServerSettings(drain_wait_s=0.0, grace_s=2.0, default_deadline_s=2.0)

Answer = Callable[[bytes], Awaitable[bytes]]


def echo_descriptor() -> ServiceDescriptor:
    """Echo (no side effects), Repeat (idempotent), Change (neither) and Flow (a stream), BytesValue to BytesValue."""
    pool = descriptor_pool.DescriptorPool()
    wrapper = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrapper)
    pool.Add(wrapper)
    file = descriptor_pb2.FileDescriptorProto(
        name="test/v1/echo.proto", package="test.v1", syntax="proto3", dependency=[wrapper.name]
    )
    service = file.service.add(name="EchoService")
    levels = descriptor_pb2.MethodOptions
    for name, level in {
        "Echo": levels.NO_SIDE_EFFECTS,
        "Repeat": levels.IDEMPOTENT,
        "Change": levels.IDEMPOTENCY_UNKNOWN,
    }.items():
        method = service.method.add(
            name=name, input_type=".google.protobuf.BytesValue", output_type=".google.protobuf.BytesValue"
        )
        method.options.idempotency_level = level
    service.method.add(
        name="Flow",
        input_type=".google.protobuf.BytesValue",
        output_type=".google.protobuf.BytesValue",
        server_streaming=True,
    )
    pool.Add(file)
    return pool.FindServiceByName(SERVICE)


DESCRIPTOR = echo_descriptor()
PUBLIC = AccessRule(public=True, user=False, services=frozenset())
USERS = AccessRule(public=False, user=True, services=frozenset())
FRIENDS = AccessRule(public=False, user=False, services=frozenset({"friend"}))


class NoKeys:
    """A source of keys that is away."""

    async def fetch(self) -> str:
        raise ConnectionError("away")


def make_verifier() -> TokenVerifier:
    clock = SystemClock()
    return TokenVerifier(KeySet(NoKeys(), clock), verifier_of("leaf"), clock)


def add_echo(answers: Mapping[str, Answer], server: Any) -> None:
    """What generated add_…_to_server functions do."""

    def handler(answer: Answer) -> Any:
        async def behaviour(request: bytes, _context: Any) -> bytes:
            return await answer(request)

        return grpc.unary_unary_rpc_method_handler(behaviour)

    handlers = {name: handler(answer) for name, answer in answers.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


@dataclass
class Running:
    """A server under test."""

    address: str
    stop: asyncio.Event
    task: asyncio.Task[None]
    metrics: Metrics = field(default_factory=Metrics)


def make_builder(
    answers: Mapping[str, Answer],
    *,
    rules: Mapping[str, AccessRule] | None = None,
    verifier: TokenVerifier | None = None,
    settings: ServerSettings = FAST,
    metrics: Metrics | None = None,
    listen: str = "127.0.0.1:0",
) -> ServerBuilder:
    table = AccessTable(
        {
            f"/{SERVICE}/{m.name}": replace((rules or {}).get(m.name, PUBLIC), streams=m.server_streaming)
            for m in DESCRIPTOR.methods
        }
    )
    builder = ServerBuilder(
        "echo",
        listen,
        clock=SystemClock(),
        verifier=verifier,
        access_table=table,
        metrics=metrics or Metrics(),
        settings=settings,
    )
    return builder.add(lambda _servicer, server: add_echo(answers, server), answers, DESCRIPTOR)


@contextlib.asynccontextmanager
async def served(builder: ServerBuilder) -> AsyncIterator[Running]:
    """The server while the block lasts."""
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(builder, stop, port.set_result))
    both: set[asyncio.Future[Any]] = {task, port}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        yield Running(f"127.0.0.1:{port.result()}", stop, task)
    finally:
        stop.set()
        await task


def answers(echo: Answer) -> dict[str, Answer]:
    return {"Echo": echo, "Repeat": echo, "Change": echo}


async def call(channel: grpc.aio.Channel, method: str = "Echo", **options: object) -> bytes:
    reply: bytes = await channel.unary_unary(f"/{SERVICE}/{method}")(b"hello", **options)  # type: ignore[arg-type]
    return reply


async def refused(channel: grpc.aio.Channel, method: str = "Echo") -> AppError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, method)
    return to_app_error(caught.value)
