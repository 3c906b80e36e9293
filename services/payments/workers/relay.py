"""The relay of payments' event log: `python -m services.payments.workers.relay`."""

from __future__ import annotations

import asyncio
import os
import sys

import structlog

from services.chassis.access import AccessTable
from services.chassis.clock import SystemClock
from services.chassis.config import Env
from services.chassis.lifecycle import run_until_signalled, supervised
from services.chassis.metrics import Metrics
from services.chassis.postgres import create_pool
from services.chassis.redis_client import create_redis
from services.chassis.relay import Relay
from services.chassis.server import ServerBuilder, ServerSettings, serve
from services.chassis.telemetry import configure_logging, start_metrics_server
from services.payments.config import relay_settings
from services.payments.rpc.event_codec import encode

STREAM = "events:payments"

_log = structlog.get_logger(__name__)


async def main(stop: asyncio.Event) -> None:
    """Relay until `stop`."""
    settings = relay_settings(os.environ)
    env = Env(os.environ)
    server_settings = ServerSettings.from_env(env)
    env.finish()
    configure_logging("payments-relay", json=settings.process.json_logs, level=settings.process.log_level)
    clock, metrics = SystemClock(), Metrics()
    pool = await create_pool(settings.process.database_url, application_name="payments-relay", max_size=4)
    redis = create_redis(settings.redis_url, timeout_s=2.0, client_name="payments-relay")
    if settings.process.metrics_port:
        start_metrics_server(metrics, settings.process.metrics_port)
    tasks = {"relay": Relay(pool, redis, STREAM, encode, clock, metrics=metrics).run(stop)}
    if settings.health_listen:
        builder = ServerBuilder(
            "payments-relay", settings.health_listen, clock=clock, verifier=None, access_table=AccessTable({}),
            metrics=metrics, settings=server_settings,
        )  # fmt: skip
        tasks["health"] = serve(builder, stop)
    else:
        _log.info("ready")
    try:
        await supervised(stop, **tasks)
    finally:
        await redis.aclose()
        await pool.close()


if __name__ == "__main__":
    sys.exit(run_until_signalled(main))
