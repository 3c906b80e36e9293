"""A server of the chassis: readiness, overload, drain, and what it refuses to start with."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from services.chassis.access import AccessTable, AccessTableError
from services.chassis.client import create_channel
from services.chassis.clock import SystemClock
from services.chassis.errors import ErrorKind
from services.chassis.metrics import Metrics
from services.chassis.server import ServerBuilder, ServerSettings
from tests.unit.chassis.rpc_rig import (
    DESCRIPTOR,
    SERVICE,
    answers,
    call,
    make_builder,
    refused,
    served,
)


async def test_too_many_at_once_are_refused_at_once() -> None:
    release = asyncio.Event()

    async def echo(request: bytes) -> bytes:
        await release.wait()
        return request

    settings = ServerSettings(drain_wait_s=0, grace_s=1, max_concurrent_rpcs=2)
    async with served(make_builder(answers(echo), settings=settings)) as server:  # noqa: SIM117 - the order reads better
        async with grpc.aio.insecure_channel(server.address) as channel:
            waiting = [asyncio.ensure_future(call(channel)) for _ in range(2)]
            await asyncio.sleep(0.1)
            error = await refused(channel)
            release.set()
            await asyncio.gather(*waiting)
    assert (error.kind, error.reason) == (ErrorKind.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert error.retry_after_ms is not None


async def test_serving_is_reported_only_when_every_check_holds() -> None:
    ready = False

    async def check() -> bool:
        return ready

    async def broken_at_first() -> bool:
        if not ready:
            raise RuntimeError("not yet")
        return True

    async def echo(request: bytes) -> bytes:
        return request

    builder = make_builder(answers(echo)).on_ready("store", check).on_ready("other", broken_at_first)
    async with served(builder) as server, grpc.aio.insecure_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert await _status(stub) == health_pb2.HealthCheckResponse.NOT_SERVING
        ready = True
        async with asyncio.timeout(5):
            while await _status(stub) != health_pb2.HealthCheckResponse.SERVING:  # noqa: ASYNC110 - a store is polled
                await asyncio.sleep(0.02)
        assert await _status(stub, SERVICE) == health_pb2.HealthCheckResponse.SERVING


async def test_a_replica_drains_without_a_failed_call() -> None:
    async def echo(request: bytes) -> bytes:
        await asyncio.sleep(0.005)
        return request

    settings = ServerSettings(drain_wait_s=0.5, grace_s=5.0)
    done = failed = 0
    over = asyncio.Event()
    async with (  # noqa: SIM117 - the order reads better
        served(make_builder(answers(echo), settings=settings)) as first,
        served(make_builder(answers(echo))) as second,
    ):
        async with create_channel(f"ipv4:{first.address},{second.address}", [DESCRIPTOR]) as channel:

            async def caller() -> None:
                nonlocal done, failed
                while not over.is_set():
                    try:
                        await call(channel, "Change")
                        done += 1
                    except grpc.aio.AioRpcError:
                        failed += 1

            await call(channel, "Change", wait_for_ready=True)
            callers = [asyncio.create_task(caller()) for _ in range(8)]
            await asyncio.sleep(0.3)
            first.stop.set()
            await first.task
            await asyncio.sleep(0.2)
            over.set()
            await asyncio.gather(*callers)
    assert failed == 0
    assert done > 50


async def test_a_server_does_not_serve_what_has_no_rule() -> None:
    builder = ServerBuilder(
        "echo", "127.0.0.1:0", clock=SystemClock(), verifier=None, access_table=AccessTable({}), metrics=Metrics()
    )
    with pytest.raises(AccessTableError, match=r"/test\.v1\.EchoService/Echo"):
        builder.add(lambda _servicer, _server: None, None, DESCRIPTOR)


async def test_a_taken_port_is_an_error_of_the_system() -> None:
    async def echo(request: bytes) -> bytes:
        return request

    async with served(make_builder(answers(echo))) as server:
        with pytest.raises(OSError, match="cannot listen"):
            async with served(make_builder(answers(echo), listen=server.address)):
                pass


async def _status(stub: health_pb2_grpc.HealthStub, service: str = "") -> int:
    reply = await stub.Check(health_pb2.HealthCheckRequest(service=service))
    status: int = reply.status
    return status
