"""The relay of payments' event log, and what payments hears of others: `python -m services.payments.workers.relay`."""

from __future__ import annotations

import asyncio
import os
import sys

import grpc.aio
import structlog

from daira.events.v1 import event_log_service_pb2
from services.chassis.access import AccessTable
from services.chassis.client import create_channel
from services.chassis.clock import Clock, SystemClock
from services.chassis.config import Env
from services.chassis.consumer import Consumer
from services.chassis.cursors import PostgresCursorStore, PostgresDeadLetters
from services.chassis.lifecycle import pause, run_until_signalled, supervised
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool, create_pool
from services.chassis.redis_client import RedisClient, create_redis
from services.chassis.relay import Relay
from services.chassis.server import ServerBuilder, ServerSettings, serve
from services.chassis.telemetry import configure_logging, start_metrics_server
from services.event_log_client import RpcEventSource
from services.payments.adapters.postgres.people import PostgresPeople
from services.payments.config import relay_settings
from services.payments.rpc.event_codec import encode

STREAM = "events:payments"

_HAS_SCHEMA_SQL = "SELECT to_regclass('blocked_pairs') IS NOT NULL"
_SCHEMA_POLL_S = 0.25
_LOG = event_log_service_pb2.DESCRIPTOR.services_by_name["EventLogService"]

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
    owners = {
        service: create_channel(address, [_LOG], tokens=settings.identity.tokens_for(service, clock))
        for service, address in (("auth", settings.auth_address), ("social", settings.social_address))
    }
    tasks = {"relay": Relay(pool, redis, STREAM, encode, clock, metrics=metrics).run(stop)}
    for service, channel in owners.items():
        tasks[service] = consume(service, channel, pool, redis, clock, metrics).run(stop)
    if settings.health_listen:
        builder = ServerBuilder(
            "payments-relay", settings.health_listen, clock=clock, verifier=None, access_table=AccessTable({}),
            metrics=metrics, settings=server_settings,
        )  # fmt: skip
        tasks["health"] = serve(builder, stop)
    else:
        _log.info("ready")
    try:
        # The worker and the migration may start in any order.
        while not stop.is_set() and not await pool.fetchval(_HAS_SCHEMA_SQL):
            await pause(stop, _SCHEMA_POLL_S)
        await supervised(stop, **tasks)
    finally:
        for channel in owners.values():
            await channel.close()
        await redis.aclose()
        await pool.close()


def consume(
    service: str, channel: grpc.aio.Channel, pool: PostgresPool, redis: RedisClient, clock: Clock, metrics: Metrics
) -> Consumer:
    """What payments hears of another service: who is gone, and who blocked whom."""
    name = f"payments-of-{service}"
    return Consumer(
        name, redis, f"events:{service}", RpcEventSource(channel), PostgresPeople(pool, name),
        PostgresCursorStore(pool, name), metrics=metrics, clock=clock, dead_letter=PostgresDeadLetters(pool, name),
        handler_saves_cursor=True,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(run_until_signalled(main))
