"""The four services as small in-process gRPC servers: enough truth for the gateway, and switches to go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from daira.analytics.v1 import analytics_service_pb2, analytics_service_pb2_grpc
from daira.auth.v1 import auth_service_pb2, auth_service_pb2_grpc
from daira.payments.v1 import (
    payments_service_pb2,
    payments_service_pb2_grpc,
    refund_service_pb2,
    refund_service_pb2_grpc,
    statement_service_pb2,
    statement_service_pb2_grpc,
)
from daira.social.v1 import (
    feed_service_pb2,
    feed_service_pb2_grpc,
    graph_service_pb2,
    graph_service_pb2_grpc,
    post_service_pb2,
    post_service_pb2_grpc,
    profile_service_pb2,
    profile_service_pb2_grpc,
    safety_service_pb2,
    safety_service_pb2_grpc,
)
from tests.integration.gateway.fake_handlers import Handlers
from tests.integration.gateway.fake_world import Fault, Seen, World

SERVICES: dict[str, list[tuple[Callable[..., Any], Any]]] = {
    "auth": [(auth_service_pb2_grpc.add_AuthServiceServicer_to_server, auth_service_pb2.DESCRIPTOR)],
    "payments": [
        (payments_service_pb2_grpc.add_PaymentsServiceServicer_to_server, payments_service_pb2.DESCRIPTOR),
        (refund_service_pb2_grpc.add_RefundServiceServicer_to_server, refund_service_pb2.DESCRIPTOR),
        (statement_service_pb2_grpc.add_StatementServiceServicer_to_server, statement_service_pb2.DESCRIPTOR),
    ],
    "analytics": [
        (analytics_service_pb2_grpc.add_AnalyticsServiceServicer_to_server, analytics_service_pb2.DESCRIPTOR)
    ],
    "social": [
        (feed_service_pb2_grpc.add_FeedServiceServicer_to_server, feed_service_pb2.DESCRIPTOR),
        (graph_service_pb2_grpc.add_GraphServiceServicer_to_server, graph_service_pb2.DESCRIPTOR),
        (post_service_pb2_grpc.add_PostServiceServicer_to_server, post_service_pb2.DESCRIPTOR),
        (profile_service_pb2_grpc.add_ProfileServiceServicer_to_server, profile_service_pb2.DESCRIPTOR),
        (safety_service_pb2_grpc.add_SafetyServiceServicer_to_server, safety_service_pb2.DESCRIPTOR),
    ],
}
OPEN = {"Register", "SignIn", "RefreshTokens", "GetProfile", "BatchGetProfiles", "GetPost", "GetAuthorTimeline",
        "ListFollowers", "ListFollowing", "GetJwks"}  # fmt: skip


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def servicer(world: World, descriptor: Any) -> Any:
    """An object with a method for each RPC of a file."""
    handlers = Handlers(world)
    made = type("Fake", (), {})()
    for service in descriptor.services_by_name.values():
        for method in service.methods:
            handler = getattr(handlers, snake(method.name), None)
            wrapped = _streamed(world) if method.server_streaming else _wrapped(world, method.name, handler)
            setattr(made, method.name, wrapped)
    return made


def _wrapped(world: World, name: str, handler: Callable[[Any, int], Awaitable[Any]] | None) -> Callable[..., Any]:
    async def answer(request: Any, context: Any) -> Any:
        metadata = dict(context.invocation_metadata())
        world.seen.append(Seen(name, request, metadata, context.time_remaining()))
        world.arrived.set()
        if name in world.hang:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                world.cancelled.append(name)
                raise
        if name in world.faults:
            await world.faults[name].abort(context)
        token = metadata.get("authorization", "")
        user = int(token.removeprefix("Bearer access-")) if token.startswith("Bearer access-") else 0
        if user == 0 and name not in OPEN:
            await Fault(grpc.StatusCode.UNAUTHENTICATED, "send a token", "TOKEN_MISSING").abort(context)
        assert handler is not None, name
        outcome = await handler(request, user)
        if isinstance(outcome, Fault):
            await outcome.abort(context)
        return outcome

    return answer


def _streamed(world: World) -> Callable[..., Any]:
    """WatchHomeFeed, the only one."""

    async def answers(request: Any, context: Any) -> Any:
        metadata = dict(context.invocation_metadata())
        world.seen.append(Seen("WatchHomeFeed", request, metadata, context.time_remaining()))
        try:
            while True:
                told = await world.news.get()
                if told is None:
                    return
                if isinstance(told, Fault):
                    await told.abort(context)
                    return
                yield feed_service_pb2.WatchHomeFeedResponse(newer_count=told)
        except asyncio.CancelledError:
            world.cancelled.append("WatchHomeFeed")
            raise

    return answers


class FakeServices:
    """Servers of all four services on free ports."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.addresses: dict[str, str] = {}
        self._servers: dict[str, grpc.aio.Server] = {}

    async def start(self, *names: str) -> None:
        for name in names or tuple(SERVICES):
            server = grpc.aio.server()
            for adder, descriptor in SERVICES[name]:
                adder(servicer(self.world, descriptor), server)
            checks = health.aio.HealthServicer()
            await checks.set("", health_pb2.HealthCheckResponse.SERVING)
            health_pb2_grpc.add_HealthServicer_to_server(checks, server)
            port = server.add_insecure_port(self.addresses.get(name, "127.0.0.1:0"))
            self.addresses[name] = f"127.0.0.1:{port}"
            await server.start()
            self._servers[name] = server

    async def stop(self, *names: str) -> None:
        for name in names or tuple(self._servers):
            await self._servers.pop(name).stop(None)
