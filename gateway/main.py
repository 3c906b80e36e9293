"""Composition root of the gateway."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable

from gateway import config
from gateway.backends import Backends
from gateway.binding import schema
from gateway.composed import composed_resolvers
from gateway.config import Settings
from gateway.documents import Documents
from gateway.execution import Engine
from gateway.http.app import App
from gateway.http.endpoint import GraphQLEndpoint
from gateway.http.graphiql import GraphiQL
from gateway.telemetry import GatewayMetrics
from services.chassis.clock import SystemClock
from services.chassis.config import SettingsError
from services.chassis.dpop import OnceOnly
from services.chassis.http_server import HttpListen, serve
from services.chassis.lifecycle import run_until_signalled, supervised
from services.chassis.metrics import Metrics
from services.chassis.telemetry import configure_logging, start_metrics_server


async def run(settings: Settings, stop: asyncio.Event, on_listening: Callable[[int], None] | None = None) -> None:
    """Run the gateway until `stop`; `on_listening` is told its port."""
    metrics = Metrics()
    gateway_metrics = GatewayMetrics(metrics.registry)
    bound = schema.bind(schema.sources(), composed_resolvers)
    documents = Documents(bound, introspection=settings.introspection)
    backends = Backends(settings.addresses, timeout_s=settings.timeout_s)
    engine = Engine(bound, documents, backends, backends)
    gateway_metrics.watch(documents, engine)
    endpoint = GraphQLEndpoint(
        engine,
        gateway_metrics,
        backends.ending,
        timeout_s=settings.timeout_s,
        in_flight_max=settings.in_flight_max,
        proofs=OnceOnly(settings.dpop_url, SystemClock()),
        streams_max=settings.streams_max,
        trusted_proxies=settings.trusted_proxies,
    )
    app = App(endpoint, backends, GraphiQL() if settings.graphiql else None)
    if settings.metrics_port:
        start_metrics_server(metrics, settings.metrics_port)
    try:
        # The watch ends with the server, not with the signal: running requests still need their channels.
        served = asyncio.Event()
        watching = asyncio.create_task(backends.watch(served), name="watch")
        listen = HttpListen(settings.host, settings.port, settings.drain_wait_s, settings.drain_grace_s)
        await serve(app, listen, backends, stop, on_listening)
        served.set()
        await watching
    finally:
        await backends.close()


def main() -> int:
    """The process: exit code 0 after a clean stop, 1 after a crash, 2 for wrong settings."""
    try:
        settings = config.read(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logging("gateway", json=settings.json_logs, level=settings.log_level)

    async def until(stop: asyncio.Event) -> None:
        await supervised(stop, gateway=run(settings, stop))

    return run_until_signalled(until)
