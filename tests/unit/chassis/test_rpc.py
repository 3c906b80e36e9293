"""Calls through a real server and channel of the chassis: context, deadlines, errors, access and retries."""

from __future__ import annotations

import asyncio
import time

import grpc
import grpc.aio
import pytest

from services.chassis import context as call_context
from services.chassis.client import ClientSettings, create_channel
from services.chassis.clock import SystemClock
from services.chassis.context import RequestContext, bind, current
from services.chassis.errors import AppError, ErrorKind, invalid, unavailable
from services.chassis.metrics import Metrics
from services.chassis.server import ServerSettings
from services.chassis.service_tokens import ServiceTokens
from tests.fakes.service_keys import seed
from tests.unit.chassis.rpc_rig import (
    DESCRIPTOR,
    FRIENDS,
    SERVICE,
    USERS,
    answers,
    call,
    make_builder,
    make_verifier,
    refused,
    served,
)


async def test_a_call_carries_its_request_id() -> None:
    seen: list[RequestContext] = []

    async def echo(request: bytes) -> bytes:
        seen.append(current())
        return request

    async with served(make_builder(answers(echo))) as server, create_channel(server.address, [DESCRIPTOR]) as channel:
        with bind(RequestContext(request_id="abc-1")):
            assert await call(channel) == b"hello"
        assert await call(channel) == b"hello"
    assert seen[0].request_id == "abc-1"
    assert seen[0].method == f"/{SERVICE}/Echo"
    assert seen[1].request_id not in {"", "abc-1"}


async def test_errors_cross_intact() -> None:
    async def echo(_request: bytes) -> bytes:
        raise invalid("post.body", "must not be empty")

    async with served(make_builder(answers(echo))) as server, create_channel(server.address, [DESCRIPTOR]) as channel:
        error = await refused(channel)
    assert error.kind is ErrorKind.INVALID_ARGUMENT
    assert error.reason == "FIELD_INVALID"
    assert [(v.field, v.description) for v in error.field_violations] == [("post.body", "must not be empty")]


@pytest.mark.parametrize("kind", list(ErrorKind))
async def test_every_kind_crosses(kind: ErrorKind) -> None:
    async def echo(_request: bytes) -> bytes:
        raise AppError(kind, "SOME_REASON", "for people", metadata={"a": "b"}, retry_after_ms=1500)

    async with served(make_builder(answers(echo))) as server, create_channel(server.address, [DESCRIPTOR]) as channel:
        error = await refused(channel)
    assert (error.kind, error.reason, error.message) == (kind, "SOME_REASON", "for people")
    assert (error.metadata, error.retry_after_ms) == ({"a": "b"}, 1500)


async def test_the_unexpected_is_masked() -> None:
    async def echo(_request: bytes) -> bytes:
        raise ValueError("the password is hunter2")

    async with served(make_builder(answers(echo))) as server, create_channel(server.address, [DESCRIPTOR]) as channel:
        error = await refused(channel)
    assert (error.kind, error.message) == (ErrorKind.INTERNAL, "internal error")
    assert error.metadata["error_id"]


async def test_a_peers_absence_is_passed_on_but_its_refusals_are_not() -> None:
    async def leaf(_request: bytes) -> bytes:
        raise AppError(kinds.pop(), "WHY", "because")

    kinds = [ErrorKind.NOT_FOUND, ErrorKind.UNAVAILABLE]
    async with served(make_builder(answers(leaf))) as behind, create_channel(behind.address, [DESCRIPTOR]) as inner:

        async def front(_request: bytes) -> bytes:
            return await call(inner, "Change")

        async with (
            served(make_builder(answers(front))) as server,
            create_channel(server.address, [DESCRIPTOR]) as channel,
        ):
            assert (await refused(channel, "Change")).kind is ErrorKind.UNAVAILABLE
            assert (await refused(channel, "Change")).kind is ErrorKind.INTERNAL


async def test_a_deadline_shrinks_over_two_hops() -> None:
    remaining: dict[str, float | None] = {}

    async def leaf(request: bytes) -> bytes:
        remaining["leaf"] = current().remaining_s()
        return request

    async with (
        served(make_builder(answers(leaf))) as behind,
        create_channel(behind.address, [DESCRIPTOR], settings=ClientSettings(margin_s=0.2)) as inner,
    ):

        async def front(_request: bytes) -> bytes:
            remaining["front"] = current().remaining_s()
            return await call(inner)

        async with (
            served(make_builder(answers(front))) as server,
            create_channel(server.address, [DESCRIPTOR]) as channel,
        ):
            await call(channel, timeout=1.5)
    assert remaining["front"] is not None
    assert remaining["leaf"] is not None
    # gRPC rounds what it sends up, hence the slack.
    assert remaining["leaf"] < remaining["front"] - 0.15
    assert remaining["front"] < 1.5


async def test_the_server_has_a_deadline_when_the_caller_has_none() -> None:
    async def echo(_request: bytes) -> bytes:
        await asyncio.sleep(30)
        return b""

    settings = ServerSettings(drain_wait_s=0, grace_s=1, default_deadline_s=0.05)
    async with served(make_builder(answers(echo), settings=settings)) as server:  # noqa: SIM117 - the order reads better
        async with grpc.aio.insecure_channel(server.address) as channel:
            error = await refused(channel)
    assert (error.kind, error.reason) == (ErrorKind.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


async def test_doomed_calls_are_refused_before_they_start() -> None:
    calls = 0

    async def echo(request: bytes) -> bytes:
        nonlocal calls
        calls += 1
        return request

    async with served(make_builder(answers(echo))) as server, create_channel(server.address, [DESCRIPTOR]) as channel:
        with bind(RequestContext(deadline_monotonic=time.monotonic() + 0.005)), pytest.raises(AppError) as caught:
            await call(channel)
    assert caught.value.kind is ErrorKind.DEADLINE_EXCEEDED
    assert calls == 0


async def test_a_methods_door_is_kept() -> None:
    async def echo(request: bytes) -> bytes:
        return request

    rules = {"Repeat": USERS, "Change": FRIENDS}
    clock = SystemClock()
    friend, stranger = (ServiceTokens(seed(name), name, clock).to("leaf") for name in ("friend", "stranger"))
    builder = make_builder(answers(echo), rules=rules, verifier=make_verifier())
    async with served(builder) as server:
        async with create_channel(server.address, [DESCRIPTOR]) as nobody:
            assert await call(nobody) == b"hello"
            assert (await refused(nobody, "Repeat")).reason == "TOKEN_MISSING"
            assert (await refused(nobody, "Change")).reason == "TOKEN_MISSING"
        async with create_channel(server.address, [DESCRIPTOR], tokens=friend) as channel:
            assert await call(channel, "Change") == b"hello"
            assert (await refused(channel, "Repeat")).reason == "CALLER_NOT_ALLOWED"
        async with create_channel(server.address, [DESCRIPTOR], tokens=stranger) as channel:
            assert (await refused(channel, "Change")).kind is ErrorKind.PERMISSION_DENIED
        async with create_channel(server.address, [DESCRIPTOR], forward_user=True) as channel:
            with bind(RequestContext(bearer="forged")):
                assert (await refused(channel, "Echo")).reason == "TOKEN_INVALID"


async def test_only_methods_that_say_so_are_retried() -> None:
    calls = {"Echo": 0, "Repeat": 0, "Change": 0}

    def flaky(name: str) -> grpc.RpcMethodHandler:  # type: ignore[type-arg]
        async def behaviour(_request: bytes, context: grpc.aio.ServicerContext) -> bytes:  # type: ignore[type-arg]
            calls[name] += 1
            if calls[name] == 1:
                await context.abort(grpc.StatusCode.UNAVAILABLE)
            return b"second"

        return grpc.unary_unary_rpc_method_handler(behaviour)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {n: flaky(n) for n in calls}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with create_channel(f"127.0.0.1:{port}", [DESCRIPTOR]) as channel:
        assert await call(channel, "Echo") == b"second"
        assert await call(channel, "Repeat") == b"second"
        assert (await refused(channel, "Change")).kind is ErrorKind.UNAVAILABLE
    await server.stop(0)
    assert calls == {"Echo": 2, "Repeat": 2, "Change": 1}


async def test_an_answer_of_unavailable_is_not_retried() -> None:
    calls = 0

    async def echo(_request: bytes) -> bytes:
        nonlocal calls
        calls += 1
        raise unavailable("the database is away")

    async with served(make_builder(answers(echo))) as server, create_channel(server.address, [DESCRIPTOR]) as channel:
        assert (await refused(channel)).reason == "STORE_UNAVAILABLE"
    assert calls == 1


async def test_calls_are_counted_by_method_and_code() -> None:
    async def echo(_request: bytes) -> bytes:
        raise invalid("a", "b")

    metrics = Metrics()
    async with served(make_builder(answers(echo), metrics=metrics)) as server:  # noqa: SIM117 - the order reads better
        async with create_channel(server.address, [DESCRIPTOR]) as channel:
            await refused(channel)
    labels = {"method": f"/{SERVICE}/Echo", "code": "INVALID_ARGUMENT"}
    assert metrics.registry.get_sample_value("daira_rpc_server_seconds_count", labels) == 1
    assert metrics.registry.get_sample_value("daira_rpc_server_in_flight") == 0


def test_outside_a_call_nobody_is_signed_in() -> None:
    assert call_context.viewer_id() == 0
    with pytest.raises(AppError):
        call_context.require_user()
