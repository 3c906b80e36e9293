"""Methods that answer by a stream go through the same layers as all others, and last no longer than they may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import grpc
import grpc.aio

from services.chassis.errors import invalid
from services.chassis.peer_errors import to_app_error
from tests.unit.chassis.rpc_rig import FAST, SERVICE, USERS, Running, make_builder, make_verifier, served

Flow = Callable[[bytes, Any], Awaitable[None]]


async def three(request: bytes, context: Any) -> None:
    for n in range(3):
        await context.write(request + b"%d" % n)


async def endless(request: bytes, context: Any) -> None:
    while True:
        await context.write(request)
        await asyncio.sleep(0.01)


async def broken(request: bytes, context: Any) -> None:
    await context.write(request)
    raise invalid("field", "is wrong after all")


def flowing(flow: Flow, **options: Any) -> Any:
    builder = make_builder({}, **options)
    handler: Any = grpc.unary_stream_rpc_method_handler(flow)
    builder.servicers[0] = (
        lambda _servicer, server: server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {"Flow": handler}),)
        ),
        None,
    )
    return served(builder)


async def read(server: Running, **options: Any) -> AsyncIterator[bytes]:
    async with grpc.aio.insecure_channel(server.address) as channel:
        flow: Any = channel.unary_stream(f"/{SERVICE}/Flow")
        async for message in flow(b"x", **options):
            yield message


async def refusal(server: Running, **options: Any) -> tuple[int, Any]:
    """How many messages came before the end, and what it was."""
    count = 0
    try:
        async for _ in read(server, **options):
            count += 1
    except grpc.aio.AioRpcError as error:
        return count, error
    raise AssertionError("the stream ended well")


async def test_a_stream_is_answered_and_ends() -> None:
    async with flowing(three) as server:
        assert [message async for message in read(server)] == [b"x0", b"x1", b"x2"]


async def test_a_stream_needs_the_token_that_its_method_asks_for() -> None:
    async with flowing(three, rules={"Flow": USERS}, verifier=make_verifier()) as server:
        count, error = await refusal(server)
        assert (count, error.code()) == (0, grpc.StatusCode.UNAUTHENTICATED)


async def test_an_error_in_the_middle_has_its_details() -> None:
    async with flowing(broken) as server:
        count, error = await refusal(server)
        assert count == 1
        assert to_app_error(error).reason == "FIELD_INVALID"


async def test_a_stream_ends_at_the_servers_limit_whatever_its_client_asks_for() -> None:
    settings = replace(FAST, default_deadline_s=0.05, stream_limit_s=0.3)
    async with flowing(endless, settings=settings) as server:
        for options in ({}, {"timeout": 60.0}):
            count, error = await refusal(server, **options)
            assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert count > 0


async def test_a_client_that_goes_away_ends_its_stream() -> None:
    gone = asyncio.Event()

    async def noticing(request: bytes, context: Any) -> None:
        try:
            await endless(request, context)
        finally:
            gone.set()

    async with flowing(noticing) as server:
        async for _ in read(server):
            break
        async with asyncio.timeout(5):
            await gone.wait()
