"""The payments process, put together: its parts behind one server, and their chores."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

from daira.common.v1 import access_pb2
from daira.events.v1 import event_log_service_pb2, event_log_service_pb2_grpc
from daira.privacy.v1 import personal_data_service_pb2, personal_data_service_pb2_grpc
from services.auth_client import AUTH_APIS, AuthKeys, AuthRevocations
from services.chassis.access import AccessTable
from services.chassis.client import create_channel
from services.chassis.clock import SystemClock
from services.chassis.config import Env, SettingsError
from services.chassis.event_log import PostgresEventLog
from services.chassis.jwks import KeySet
from services.chassis.lifecycle import pause, run_until_signalled, supervised
from services.chassis.metrics import Metrics
from services.chassis.page_token import PageTokens
from services.chassis.postgres import create_pool
from services.chassis.revocations import Revocations
from services.chassis.server import ServerBuilder, ServerSettings, serve
from services.chassis.telemetry import configure_logging, start_metrics_server
from services.chassis.tokens import TokenVerifier
from services.payments.adapters.instrument_box import InstrumentBox
from services.payments.adapters.postgres.personal_data import payments_data
from services.payments.adapters.postgres.rates import PostgresRates
from services.payments.composition.part import Ground, Part
from services.payments.composition.payouts import payouts_part
from services.payments.composition.refunds import refunds_part
from services.payments.composition.statements import statements_part
from services.payments.composition.subscriptions import subscriptions_part
from services.payments.composition.wallets import wallets_part
from services.payments.config import PaymentsSettings, payments_settings
from services.payments.rpc.event_log_servicer import EventLogServicer
from services.payments.workers.upkeep import repeat
from services.personal_data.servicer import PersonalDataServicer
from services.sealing.key_encryption import KeyEncryptionKeys
from services.sealing.root_key import has_root_key_table, load_root_key

_SCHEMA_POLL_S: Final = 0.25


async def run(
    settings: PaymentsSettings, server_settings: ServerSettings, keys: KeyEncryptionKeys, stop: asyncio.Event
) -> None:
    """Serve until `stop`. WrongKeyEncryptionKeyError, or AppError UNAVAILABLE when the database does not come up."""
    clock, metrics = SystemClock(), Metrics()
    if settings.process.metrics_port:
        start_metrics_server(metrics, settings.process.metrics_port)
    pool = await create_pool(settings.process.database_url, application_name="payments", max_size=settings.pool_max)
    try:
        # The service and the migration may start in any order.
        while not stop.is_set() and not await has_root_key_table(pool):
            await pause(stop, _SCHEMA_POLL_S)
        if not stop.is_set():
            page_tokens = PageTokens(settings.page_key.reveal())
            root_key = await load_root_key(pool, keys)
            await _serve(Ground(settings, root_key, pool, clock, metrics, page_tokens), server_settings, stop)
    finally:
        await pool.close()


async def _serve(ground: Ground, server_settings: ServerSettings, stop: asyncio.Event) -> None:
    settings, clock = ground.settings, ground.clock
    auth = create_channel(settings.auth_address, AUTH_APIS, tokens=settings.identity.tokens_for("auth", clock))
    keys = KeySet(AuthKeys(auth), clock)
    revocations = Revocations(AuthRevocations(auth), clock, server_settings.revocations)
    revocations.expose(ground.metrics)
    rates = PostgresRates(ground.pool, clock)
    parts = (
        wallets_part(ground, rates),
        payouts_part(ground),
        refunds_part(ground),
        statements_part(ground),
        subscriptions_part(ground),
        *_parts_for_services(ground),
    )
    builder = (
        ServerBuilder(
            "payments",
            settings.listen,
            clock=clock,
            verifier=TokenVerifier(keys, settings.identity.verifier(), clock, revocations),
            access_table=AccessTable.from_descriptors([part.api for part in parts], access_pb2.access),
            metrics=ground.metrics,
            settings=server_settings,
        )
        .on_ready("schema", rates.ready)
        .on_ready("keys", keys.load)
        .on_ready("revocations", revocations.load)
    )
    for part in parts:
        builder.add(part.add, part.servicer, part.api)
    chores = {
        chore.name: repeat(chore.name, chore.work, chore.every_s, stop) for part in parts for chore in part.chores
    }
    try:
        await supervised(stop, rpc=serve(builder, stop), revocations=revocations.run(stop), **chores)
    finally:
        await auth.close()


def _parts_for_services(ground: Ground) -> tuple[Part, ...]:
    return (
        Part(
            event_log_service_pb2.DESCRIPTOR.services_by_name["EventLogService"],
            event_log_service_pb2_grpc.add_EventLogServiceServicer_to_server,
            EventLogServicer(PostgresEventLog(ground.pool)),
        ),
        Part(
            personal_data_service_pb2.DESCRIPTOR.services_by_name["PersonalDataService"],
            personal_data_service_pb2_grpc.add_PersonalDataServiceServicer_to_server,
            PersonalDataServicer(payments_data(ground.pool, InstrumentBox(ground.root_key))),
        ),
    )


def main() -> int:
    """Run the service and return the exit code: 2 for wrong settings."""
    try:
        settings = payments_settings(os.environ)
        env = Env(os.environ)
        server_settings = ServerSettings.from_env(env)
        env.finish()
        keys = settings.key_encryption.read()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - nothing is set up yet that could log
        return 2
    configure_logging("payments", json=settings.process.json_logs, level=settings.process.log_level)
    return run_until_signalled(lambda stop: run(settings, server_settings, keys, stop))
