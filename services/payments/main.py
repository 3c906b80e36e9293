"""The payments process, put together: ledger, provider, RPCs and upkeep."""

from __future__ import annotations

import asyncio
import os

from daira.common.v1 import access_pb2
from daira.events.v1 import event_log_service_pb2, event_log_service_pb2_grpc
from daira.payments.v1 import payments_service_pb2, payments_service_pb2_grpc
from services.auth_client import AUTH_APIS, AuthKeys, AuthRevocations
from services.chassis.access import AccessTable
from services.chassis.client import create_channel
from services.chassis.clock import SystemClock
from services.chassis.config import Env
from services.chassis.event_log import PostgresEventLog
from services.chassis.jwks import KeySet
from services.chassis.lifecycle import supervised
from services.chassis.metrics import Metrics
from services.chassis.page_token import PageTokens
from services.chassis.postgres import PostgresPool, create_pool
from services.chassis.revocations import Revocations
from services.chassis.server import ServerBuilder, ServerSettings, serve
from services.chassis.telemetry import configure_logging, start_metrics_server
from services.chassis.tokens import ServiceTokens, TokenVerifier
from services.payments.adapters.closed_provider import ClosedProvider
from services.payments.adapters.postgres.ledger_upkeep import fold_accounts
from services.payments.adapters.postgres.rates import PostgresRates
from services.payments.adapters.postgres.tip_ledger import PostgresTipLedger
from services.payments.adapters.postgres.top_ups import PostgresTopUps
from services.payments.adapters.postgres.wallets import PostgresWallets
from services.payments.adapters.sandbox_provider import SandboxProvider
from services.payments.adapters.tip_batches import TipBatches
from services.payments.application.ports import PaymentProvider
from services.payments.application.read_wallet import ReadWallet
from services.payments.application.resolve_top_ups import ResolveTopUps
from services.payments.application.send_tip import SendTip
from services.payments.application.top_up import TakeTopUp
from services.payments.config import PaymentsSettings, payments_settings
from services.payments.domain.top_ups import TopUpLimits
from services.payments.rpc.event_log_servicer import EventLogServicer
from services.payments.rpc.payments_servicer import PaymentsServicer
from services.payments.workers.upkeep import repeat

# A charge or an inquiry outlives the provider's time-out by what recording its outcome may take.
_LEASE_SLACK_S = 3.0


async def main(stop: asyncio.Event) -> None:
    """Serve until `stop`. SettingsError, or AppError UNAVAILABLE when the database does not come up."""
    settings = payments_settings(os.environ)
    env = Env(os.environ)
    server_settings = ServerSettings.from_env(env)
    env.finish()
    configure_logging("payments", json=settings.process.json_logs, level=settings.process.log_level)
    clock, metrics = SystemClock(), Metrics()
    pool = await create_pool(settings.process.database_url, application_name="payments", max_size=settings.pool_max)
    service_tokens = ServiceTokens(settings.service_key.reveal(), "payments", clock)
    auth = create_channel(settings.auth_address, AUTH_APIS, tokens=service_tokens)
    keys = KeySet(AuthKeys(auth), clock)
    revocations = Revocations(AuthRevocations(auth), clock, server_settings.revocations)
    metrics.revocations_age_seconds.set_function(revocations.age_s)
    verifier = TokenVerifier(keys, settings.service_key.reveal(), clock, revocations)

    rates = PostgresRates(pool, clock)
    limits = TopUpLimits(settings.day_limit, settings.month_limit)
    top_ups = PostgresTopUps(pool, limits, lease_s=settings.provider_timeout_s + _LEASE_SLACK_S)
    provider = choose_provider(settings, pool)
    servicer = PaymentsServicer(
        ReadWallet(PostgresWallets(pool)),
        TakeTopUp(top_ups, provider, provider_timeout_s=settings.provider_timeout_s),
        SendTip(TipBatches(PostgresTipLedger(pool)), rates, clock),
        PageTokens(settings.page_key.reveal()),
    )
    resolve = ResolveTopUps(top_ups, provider, provider_timeout_s=settings.provider_timeout_s)

    payments = payments_service_pb2.DESCRIPTOR.services_by_name["PaymentsService"]
    event_log = event_log_service_pb2.DESCRIPTOR.services_by_name["EventLogService"]
    builder = (
        ServerBuilder(
            "payments",
            settings.listen,
            clock=clock,
            verifier=verifier,
            access_table=AccessTable.from_descriptors([payments, event_log], access_pb2.access),
            metrics=metrics,
            settings=server_settings,
        )
        .add(payments_service_pb2_grpc.add_PaymentsServiceServicer_to_server, servicer, payments)
        .add(
            event_log_service_pb2_grpc.add_EventLogServiceServicer_to_server,
            EventLogServicer(PostgresEventLog(pool)),
            event_log,
        )
        .on_ready("schema", rates.ready)
        .on_ready("keys", keys.load)
        .on_ready("revocations", revocations.load)
    )
    if settings.process.metrics_port:
        start_metrics_server(metrics, settings.process.metrics_port)
    try:
        await supervised(
            stop,
            rpc=serve(builder, stop),
            revocations=revocations.run(stop),
            resolver=repeat("resolve_top_ups", resolve, settings.resolve_every_s, stop),
            folding=repeat("fold_accounts", lambda: fold_accounts(pool), settings.fold_every_s, stop),
        )
    finally:
        await auth.close()
        await pool.close()


def choose_provider(settings: PaymentsSettings, pool: PostgresPool) -> PaymentProvider:
    """The provider that the settings name."""
    return SandboxProvider(pool) if settings.provider == "sandbox" else ClosedProvider()
