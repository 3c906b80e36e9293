"""The gateway's application over backends that are plain functions: no socket, no gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from graphql import GraphQLSchema
from prometheus_client import CollectorRegistry

from gateway.binding import schema as binding
from gateway.binding.contract import Method
from gateway.composed import composed_resolvers
from gateway.documents import Documents
from gateway.execution import Engine
from gateway.http.app import App
from gateway.http.endpoint import GraphQLEndpoint
from gateway.http.graphiql import GraphiQL
from gateway.telemetry import GatewayMetrics
from services.chassis.clock import SystemClock
from services.chassis.dpop import OnceOnly

TIMEOUT_S = 2.0
STREAMS_MAX = 2


class StubCalls:
    """Backends by method name: a message, bytes, an exception, or a function of the request. Others answer empty."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.requests: list[tuple[str, Any]] = []

    async def call(self, method: Method, message: bytes) -> bytes:
        name, request = method.name.rsplit("/", 1)[1], method.request_class.FromString(message)
        self.requests.append((name, request))
        answer = self.answers.get(name, method.response_class())
        if callable(answer) and not isinstance(answer, type):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else bytes(answer.SerializeToString())


class Steady:
    """A process that is ready."""

    draining = False

    def ready(self) -> bool:
        return not self.draining

    def states(self) -> dict[str, str]:
        return {"gateway": "serving"}


@pytest.fixture(scope="session")
def schema() -> GraphQLSchema:
    return binding.bind(binding.sources(), composed_resolvers)


@pytest.fixture
def calls() -> StubCalls:
    return StubCalls()


@pytest.fixture
def make_client(schema: GraphQLSchema, calls: StubCalls) -> Callable[..., httpx.AsyncClient]:
    def make(*, introspection: bool = True, graphiql: bool = True) -> httpx.AsyncClient:
        engine = Engine(schema, Documents(schema, introspection=introspection), calls)
        metrics = GatewayMetrics(CollectorRegistry())
        endpoint = GraphQLEndpoint(
            engine,
            metrics,
            asyncio.Event(),
            timeout_s=TIMEOUT_S,
            in_flight_max=100,
            proofs=OnceOnly("", SystemClock()),
            streams_max=STREAMS_MAX,
        )
        app: Any = App(endpoint, Steady(), GraphiQL() if graphiql else None)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test")

    return make


@pytest.fixture
async def client(make_client: Callable[..., httpx.AsyncClient]) -> AsyncIterator[httpx.AsyncClient]:
    async with make_client() as made:
        yield made
