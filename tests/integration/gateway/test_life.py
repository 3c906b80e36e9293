"""Deadlines, clients that leave, bodies that are too long, and an end without a failed request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx

from tests.integration.gateway.conftest import Client
from tests.integration.gateway.fake_world import AHMED, World

WALLET = {"query": "{ wallet { ownerId } }"}
HEADERS = {"authorization": f"Bearer access-{AHMED}"}


async def test_a_hanging_service_ends_at_the_deadline(start_gateway: Callable[..., Any], world: World) -> None:
    url, _stop, _task = await start_gateway(timeout_s=0.4)
    world.hang.add("GetWallet")
    async with httpx.AsyncClient(base_url=url, headers=HEADERS) as http:
        answer = (await http.post("/graphql", json={"query": "{ wallet { ownerId } me { id } }"})).json()
    assert answer["data"]["wallet"] is None
    assert answer["data"]["me"]
    assert answer["errors"][0]["extensions"]["code"] == "TIMEOUT"


async def test_calls_are_cancelled_when_the_client_goes(gateway_url: str, world: World) -> None:
    world.hang.add("GetWallet")
    host, port = gateway_url.removeprefix("http://").split(":")
    body = json.dumps(WALLET).encode()
    _reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer access-1001\r\n"
        + f"content-length: {len(body)}\r\n\r\n".encode()
        + body
    )
    await asyncio.wait_for(world.arrived.wait(), 5)
    writer.close()
    async with asyncio.timeout(2):
        while not world.cancelled:  # noqa: ASYNC110 - it is gRPC that cancels the servicer
            await asyncio.sleep(0.01)
    assert world.cancelled == ["GetWallet"]


async def test_ten_megabytes_are_refused_before_they_are_read(gateway_url: str, graphql: Client) -> None:
    host, port = gateway_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10000000\r\n\r\n"
    )
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in head.lower()
    await asyncio.wait_for(reader.read(), 5)
    writer.close()
    # A client that only looks for the answer when all is sent gets it too, announced or not.
    whole = await graphql.http.post("/graphql", json={"query": "{ __typename }", "pad": "x" * 10_000_000})
    assert whole.status_code == 413
    assert whole.json()["errors"][0]["extensions"]["code"] == "BODY_TOO_LARGE"

    async def chunks() -> Any:
        for _ in range(160):
            yield b" " * 65536

    response = await graphql.http.post("/graphql", content=chunks(), headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert (await graphql.data("{ __typename }")) == {"__typename": "Query"}


async def test_drain_finishes_what_runs_and_says_so_first(start_gateway: Callable[..., Any], world: World) -> None:
    url, stop, task = await start_gateway(drain_wait_s=0.4, timeout_s=3)
    world.hang.add("GetWallet")
    async with httpx.AsyncClient(base_url=url, headers=HEADERS, timeout=10) as http:
        running = asyncio.create_task(http.post("/graphql", json=WALLET))
        await asyncio.wait_for(world.arrived.wait(), 5)
        stop.set()
        await asyncio.sleep(0.1)
        ready = await http.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["gateway"] == "draining"
        # Until balancers know, new requests are answered still.
        during = await http.post("/graphql", json={"query": "{ me { id } }"})
        assert during.json()["data"]["me"]
        assert during.headers["connection"] == "close"
        answer = (await running).json()
        assert answer["errors"][0]["extensions"]["code"] == "TIMEOUT"
    await asyncio.wait_for(task, 10)


async def test_too_many_at_once_are_turned_away(start_gateway: Callable[..., Any], world: World) -> None:
    url, _stop, _task = await start_gateway(in_flight_max=1, timeout_s=1)
    world.hang.add("GetWallet")
    async with httpx.AsyncClient(base_url=url, headers=HEADERS) as http:
        running = asyncio.create_task(http.post("/graphql", json=WALLET))
        await asyncio.wait_for(world.arrived.wait(), 5)
        refused = await http.post("/graphql", json=WALLET)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        await running
