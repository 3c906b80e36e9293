"""Publishes auth's events: python -m services.auth.workers.relay."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from services.auth.adapters.event_codec import encode_event
from services.auth.config import RelaySettings
from services.chassis.access import AccessTable
from services.chassis.clock import Clock, SystemClock
from services.chassis.config import Env, SettingsError
from services.chassis.lifecycle import pause, run_until_signalled, supervised
from services.chassis.metrics import Metrics
from services.chassis.postgres import create_pool
from services.chassis.redis_client import create_redis
from services.chassis.relay import Relay
from services.chassis.server import ServerBuilder, ServerSettings, serve
from services.chassis.telemetry import configure_logging, start_metrics_server

STREAM: Final = "events:auth"

_REDIS_TIMEOUT_S: Final = 1.0
_SCHEMA_POLL_S: Final = 0.25
_HAS_SCHEMA_SQL: Final = "SELECT to_regclass('relay_state') IS NOT NULL"


async def run(settings: RelaySettings, server_settings: ServerSettings, stop: asyncio.Event) -> None:
    """Relay until `stop`."""
    log = structlog.get_logger(__name__)
    clock, metrics = SystemClock(), Metrics()
    if settings.metrics_port:
        start_metrics_server(metrics, settings.metrics_port)
    pool = await create_pool(settings.database_url, application_name="auth-relay", min_size=1, max_size=3)
    redis = create_redis(settings.redis_url, timeout_s=_REDIS_TIMEOUT_S, client_name="auth-relay")
    try:
        # The relay and the migration may start in any order.
        while not stop.is_set() and not await pool.fetchval(_HAS_SCHEMA_SQL):
            await pause(stop, _SCHEMA_POLL_S)
        relay = Relay(pool, redis, STREAM, encode_event, clock, metrics=metrics)
        tasks: dict[str, Coroutine[Any, Any, None]] = {"relay": relay.run(stop)}
        if settings.health_listen:
            tasks["health"] = serve(_health(settings.health_listen, clock, metrics, server_settings), stop)
        log.info("ready", worker="auth-relay")
        await supervised(stop, **tasks)
    finally:
        await redis.aclose()
        await pool.close()


def _health(listen: str, clock: Clock, metrics: Metrics, settings: ServerSettings) -> ServerBuilder:
    """A server of nothing but health, for probes."""
    return ServerBuilder(
        "auth-relay",
        listen,
        clock=clock,
        verifier=None,
        access_table=AccessTable({}),
        metrics=metrics,
        settings=settings,
    )


def main() -> int:
    """Run the worker and return the exit code: 2 for wrong settings."""
    try:
        env = Env(os.environ)
        settings, server_settings = RelaySettings.from_env(env), ServerSettings.from_env(env)
        env.finish()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - nothing is set up yet that could log
        return 2
    configure_logging("auth-relay", json=settings.log.json, level=settings.log.level)
    return run_until_signalled(lambda stop: run(settings, server_settings, stop))


if __name__ == "__main__":
    sys.exit(main())
