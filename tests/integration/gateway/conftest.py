"""A gateway on a free port, in this process, over fake services on real gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from gateway import config
from gateway.main import run
from tests.integration.gateway.fake_services import FakeServices
from tests.integration.gateway.fake_world import AHMED, World


class Client:
    """A GraphQL client of one gateway."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def __call__(self, query: str, variables: dict[str, Any] | None = None, *, user: int | None = AHMED) -> Any:
        headers = {"accept": "application/graphql-response+json"}
        if user is not None:
            headers["authorization"] = f"Bearer access-{user}"
        response = await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        assert response.status_code == 200, response.text
        return response.json()

    async def data(self, query: str, variables: dict[str, Any] | None = None, *, user: int | None = AHMED) -> Any:
        answer = await self(query, variables, user=user)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def error(self, query: str, variables: dict[str, Any] | None = None, *, user: int | None = AHMED) -> Any:
        answer = await self(query, variables, user=user)
        (error,) = answer["errors"]
        return error


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def services(world: World) -> AsyncIterator[FakeServices]:
    fakes = FakeServices(world)
    await fakes.start()
    yield fakes
    await fakes.stop()


@pytest.fixture
def settings() -> config.Settings:
    return config.read(
        {"DAIRA_ENV": "test", "GATEWAY_LISTEN": "127.0.0.1:0", "DRAIN_WAIT_S": "0", "GATEWAY_TIMEOUT_S": "3"}
    )


@pytest.fixture
async def start_gateway(services: FakeServices, settings: config.Settings) -> AsyncIterator[Callable[..., Any]]:
    """A starter of gateways: given changes of the settings it gives (base url, stop event, task)."""
    started: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

    async def start(**changes: Any) -> tuple[str, asyncio.Event, asyncio.Task[None]]:
        stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
        chosen = replace(settings, addresses=services.addresses, **changes)
        task = asyncio.create_task(run(chosen, stop, listening.set_result))
        started.append((stop, task))
        url = f"http://127.0.0.1:{await listening}"
        async with httpx.AsyncClient(base_url=url) as http:
            for _ in range(200):
                if (await http.get("/readyz")).status_code == 200:
                    break
                await asyncio.sleep(0.05)
        return url, stop, task

    yield start
    for stop, task in started:
        stop.set()
        await asyncio.wait_for(task, 20)


@pytest.fixture
async def gateway_url(start_gateway: Callable[..., Any]) -> str:
    url, _stop, _task = await start_gateway()
    return str(url)


@pytest.fixture
async def graphql(gateway_url: str) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(base_url=gateway_url, timeout=20) as http:
        yield Client(http)
