"""What the workers of social have in common: settings, stores, health, and an orderly end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import structlog

from services.chassis.access import AccessTable
from services.chassis.clock import Clock, SystemClock
from services.chassis.lifecycle import run_until_signalled, supervised
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool, create_pool
from services.chassis.redis_client import RedisClient, create_redis
from services.chassis.server import ServerBuilder, serve
from services.chassis.telemetry import configure_logging, start_metrics_server
from services.social.config import WorkerSettings, worker_settings


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
    """Run `work` until a signal; the exit code."""

    async def main(stop: asyncio.Event) -> None:
        settings = worker_settings(os.environ)
        configure_logging(name, json=settings.json_logs, level=settings.log_level)
        clock, metrics = SystemClock(), Metrics()
        pool = await create_pool(settings.database_url, application_name=name, max_size=4, statement_timeout_ms=10_000)
        redis = create_redis(settings.redis_url, timeout_s=2.0, client_name=name)
        if settings.metrics_port:
            start_metrics_server(metrics, settings.metrics_port)
        tasks = {"work": work(WorkerParts(pool, redis, clock, metrics, settings), stop)}
        if settings.health_listen:
            table = AccessTable({})
            builder = ServerBuilder(
                name, settings.health_listen, clock=clock, verifier=None, access_table=table, metrics=metrics
            )
            tasks["health"] = serve(builder, stop)
        else:
            structlog.get_logger(__name__).info("ready")
        try:
            await supervised(stop, **tasks)
        finally:
            await redis.aclose()
            await pool.close()

    return run_until_signalled(main)
