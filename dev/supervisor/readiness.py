"""Asks a starting process whether it is ready, until it is, it ends, or time is up."""

from __future__ import annotations

import asyncio
import http.client
from urllib.parse import urlsplit

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from dev.supervisor.child_process import ChildProcess
from dev.supervisor.specs import Completed, GrpcHealth, HttpOk, ReadyEvent

POLL_S = 0.1
ASK_S = 1.0


async def wait_ready(child: ChildProcess, patience_s: float) -> bool:
    """Whether the child became ready; False when it ended first or `patience_s` went by."""
    if isinstance(child.spec.ready, Completed):
        try:
            return await asyncio.wait_for(child.wait(), patience_s) == 0
        except TimeoutError:
            return False
    asking = asyncio.create_task(_ask_until_ready(child))
    ended = asyncio.create_task(child.wait())
    try:
        await asyncio.wait({asking, ended}, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        return asking.done() and not ended.done() and asking.result()
    finally:
        asking.cancel()
        ended.cancel()
        await asyncio.gather(asking, ended, return_exceptions=True)


async def _ask_until_ready(child: ChildProcess) -> bool:
    match child.spec.ready:
        case GrpcHealth(address=address):
            await _until_serving(address)
        case HttpOk(url=url):
            while not await asyncio.to_thread(_answers_ok, url):  # noqa: ASYNC110 - another process is asked
                await asyncio.sleep(POLL_S)
        case ReadyEvent():
            await child.said_ready.wait()
        case Completed():
            await child.wait()
    return True


async def _until_serving(address: str) -> None:
    async with grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while True:
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=ASK_S)
            except grpc.aio.AioRpcError:
                answer = None
            if answer is not None and answer.status == health_pb2.HealthCheckResponse.SERVING:
                return
            await asyncio.sleep(POLL_S)


def _answers_ok(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ASK_S)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
