"""analytics put together: consumers that store events, and the server that answers from them, in one process.

One, because the embedded engine lets a single process open its folder.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

import grpc.aio
import structlog

from daira.analytics.v1 import analytics_service_pb2, analytics_service_pb2_grpc
from daira.common.v1 import access_pb2
from daira.events.v1 import event_log_service_pb2
from daira.privacy.v1 import personal_data_service_pb2, personal_data_service_pb2_grpc
from services.analytics.adapters.clickhouse.engine import ClickHouse
from services.analytics.adapters.clickhouse.event_store import ClickHouseEventStore
from services.analytics.adapters.clickhouse.location import open_clickhouse
from services.analytics.adapters.clickhouse.personal_data import analytics_data
from services.analytics.adapters.log_handler import LogHandler
from services.analytics.application.get_author_stats import GetAuthorStats
from services.analytics.application.get_ingest_status import GetIngestStatus
from services.analytics.application.ingest import Ingest
from services.analytics.config import AnalyticsSettings
from services.analytics.rpc.analytics_servicer import AnalyticsServicer
from services.auth_client import AUTH_APIS, AuthKeys, AuthRevocations
from services.chassis.access import AccessTable
from services.chassis.client import ClientSettings, create_channel
from services.chassis.clock import Clock, SystemClock
from services.chassis.config import Env, SettingsError
from services.chassis.consumer import Consumer
from services.chassis.errors import AppError
from services.chassis.jwks import KeySet
from services.chassis.lifecycle import pause, run_until_signalled, supervised
from services.chassis.metrics import Metrics
from services.chassis.redis_client import RedisClient, create_redis
from services.chassis.revocations import Revocations
from services.chassis.server import ServerBuilder, ServerSettings, serve
from services.chassis.telemetry import configure_logging, start_metrics_server
from services.chassis.tokens import TokenVerifier
from services.event_log_client import RpcEventSource
from services.personal_data.servicer import PersonalDataServicer

# Large, as a column store likes it; a refill of one batch is several pages of the owner.
_BATCH: Final = 5_000
_REDIS_TIMEOUT_S: Final = 1.0
_FORGET_EVERY_S: Final = 30.0
_OWNER_CALL: Final = ClientSettings(timeout_s=10.0)

_log = structlog.get_logger(__name__)


class Analytics:
    """The running parts over one column store: a server to serve and a consumer for each service's log."""

    def __init__(
        self,
        settings: AnalyticsSettings,
        server_settings: ServerSettings,
        clickhouse: ClickHouse,
        redis: RedisClient,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self.store = store = ClickHouseEventStore(clickhouse, clock)
        log_api = event_log_service_pb2.DESCRIPTOR.services_by_name["EventLogService"]
        personal = personal_data_service_pb2.DESCRIPTOR.services_by_name["PersonalDataService"]
        api = analytics_service_pb2.DESCRIPTOR.services_by_name["AnalyticsService"]
        self.channels: dict[str, grpc.aio.Channel] = {
            service: create_channel(
                address,
                [log_api, *AUTH_APIS],
                tokens=settings.identity.tokens_for(service, clock),
                settings=_OWNER_CALL,
            )
            for service, address in settings.owners.items()
        }
        ingests = {service: Ingest(service, store) for service in settings.owners}
        self.consumers = {service: self._consumer(ingest, redis, clock, metrics) for service, ingest in ingests.items()}
        keys = KeySet(AuthKeys(self.channels["auth"]), clock)
        self.revocations = Revocations(AuthRevocations(self.channels["auth"]), clock, server_settings.revocations)
        self.revocations.expose(metrics)
        servicer = AnalyticsServicer(
            GetAuthorStats(store, ingests, self.consumers, clock), GetIngestStatus(self.consumers)
        )
        # Readiness waits for the keys only: with the column store away the status still answers, and says so.
        self.server = (
            ServerBuilder(
                "analytics",
                settings.listen,
                clock=clock,
                verifier=TokenVerifier(keys, settings.identity.verifier(), clock, self.revocations, stale_reads=True),
                access_table=AccessTable.from_descriptors([api, personal], access_pb2.access),
                metrics=metrics,
                settings=server_settings,
            )
            .add(analytics_service_pb2_grpc.add_AnalyticsServiceServicer_to_server, servicer, api)
            .add(
                personal_data_service_pb2_grpc.add_PersonalDataServiceServicer_to_server,
                PersonalDataServicer(analytics_data(store)),
                personal,
            )
            .on_ready("keys", keys.load)
            .on_ready("revocations", self.revocations.load)
        )

    def _consumer(self, ingest: Ingest, redis: RedisClient, clock: Clock, metrics: Metrics) -> Consumer:
        handler = LogHandler(ingest, clock)
        return Consumer(
            f"analytics:{ingest.service}",
            redis,
            f"events:{ingest.service}",
            RpcEventSource(self.channels[ingest.service]),
            handler,
            handler,
            metrics=metrics,
            clock=clock,
            dead_letter=handler.bury,
            batch=_BATCH,
        )


async def keep_forgetting(store: ClickHouseEventStore, stop: asyncio.Event) -> None:
    """Delete once more what is of people who were forgotten a while ago, until `stop`; a store that is away waits."""
    while not stop.is_set():
        await pause(stop, _FORGET_EVERY_S)
        try:
            if people := await store.forget_again():
                _log.info("people_forgotten_again", people=people)
        except AppError as error:
            _log.warning("forgetting_waits", reason=error.reason)


async def run(settings: AnalyticsSettings, server_settings: ServerSettings, stop: asyncio.Event) -> None:
    """Consume and serve until `stop`."""
    clock, metrics = SystemClock(), Metrics()
    if settings.metrics_port:
        start_metrics_server(metrics, settings.metrics_port)
    clickhouse = open_clickhouse(settings.clickhouse_url)
    redis = create_redis(settings.redis_url, timeout_s=_REDIS_TIMEOUT_S, client_name="analytics")
    analytics = Analytics(settings, server_settings, clickhouse, redis, clock, metrics)
    consuming = {service: consumer.run(stop) for service, consumer in analytics.consumers.items()}
    try:
        await supervised(
            stop,
            rpc=serve(analytics.server, stop),
            revocations=analytics.revocations.run(stop),
            forgetting=keep_forgetting(analytics.store, stop),
            **consuming,
        )
    finally:
        for channel in analytics.channels.values():
            await channel.close()
        await redis.aclose()
        await clickhouse.close()


def main() -> int:
    """Run the service and return the exit code: 2 for wrong settings."""
    try:
        env = Env(os.environ)
        settings, server_settings = AnalyticsSettings.from_env(env), ServerSettings.from_env(env)
        env.finish()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - nothing is set up yet that could log
        return 2
    configure_logging("analytics", json=settings.log_json, level=settings.log_level)
    return run_until_signalled(lambda stop: run(settings, server_settings, stop))
