"""What the workers of social have in common: settings, stores, health, and an orderly end."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final

import structlog

from services.chassis.access import AccessTable
from services.chassis.clock import Clock, SystemClock
from services.chassis.config import Env, SettingsError
from services.chassis.lifecycle import pause, run_until_signalled, supervised
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool, create_pool
from services.chassis.redis_client import RedisClient, create_redis
from services.chassis.server import ServerBuilder, ServerSettings, serve
from services.chassis.telemetry import configure_logging, start_metrics_server
from services.social.config import WorkerSettings, worker_settings

_SCHEMA_POLL_S: Final = 0.25
_HAS_SCHEMA_SQL: Final = "SELECT to_regclass('relay_state') IS NOT NULL"


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker is made of."""

    pool: PostgresPool
    redis: RedisClient
    clock: Clock
    metrics: Metrics
    settings: WorkerSettings


Work = Callable[[WorkerParts, asyncio.Event], Coroutine[None, None, None]]


def run_worker(name: str, work: Work) -> int:
    """Run `work` until a signal; the exit code: 2 for wrong settings."""
    try:
        settings = worker_settings(os.environ)
        env = Env(os.environ)
        server_settings = ServerSettings.from_env(env)
        env.finish()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - nothing is set up yet that could log
        return 2
    configure_logging(name, json=settings.json_logs, level=settings.log_level)
    return run_until_signalled(lambda stop: _run(name, settings, server_settings, work, stop))


async def _run(
    name: str, settings: WorkerSettings, server_settings: ServerSettings, work: Work, stop: asyncio.Event
) -> None:
    clock, metrics = SystemClock(), Metrics()
    pool = await create_pool(settings.database_url, application_name=name, max_size=4, statement_timeout_ms=10_000)
    redis = create_redis(settings.redis_url, timeout_s=2.0, client_name=name)
    if settings.metrics_port:
        start_metrics_server(metrics, settings.metrics_port)
    try:
        # A worker and the migration may start in any order.
        while not stop.is_set() and not await pool.fetchval(_HAS_SCHEMA_SQL):
            await pause(stop, _SCHEMA_POLL_S)
        tasks = {"work": work(WorkerParts(pool, redis, clock, metrics, settings), stop)}
        if settings.health_listen:
            tasks["health"] = serve(_health(name, settings.health_listen, clock, metrics, server_settings), stop)
        else:
            structlog.get_logger(__name__).info("ready")
        await supervised(stop, **tasks)
    finally:
        await redis.aclose()
        await pool.close()


def _health(name: str, listen: str, clock: Clock, metrics: Metrics, settings: ServerSettings) -> ServerBuilder:
    """A server of nothing but health, for probes."""
    return ServerBuilder(
        name, listen, clock=clock, verifier=None, access_table=AccessTable({}), metrics=metrics, settings=settings
    )
