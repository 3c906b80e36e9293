"""auth's work beside its calls, events, codes, audit seals and exports: python -m services.auth.workers.relay."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, Final

import structlog
from prometheus_client import Counter, Gauge

from services.auth.adapters.code_carrier import CodeCarrier, HttpEmail, SandboxEmail
from services.auth.adapters.code_mint import CodeMint
from services.auth.adapters.event_codec import encode_event
from services.auth.adapters.http_sms import HttpSms
from services.auth.adapters.postgres.audit_seals import PostgresAuditSeals
from services.auth.adapters.postgres.code_outbox import PostgresCodeOutbox
from services.auth.adapters.postgres.root_key import load_root_key
from services.auth.adapters.postgres.sandbox_inbox import PostgresSandboxInbox
from services.auth.application.audit_ports import Unsealed
from services.auth.application.code_ports import SmsProvider
from services.auth.application.deliver_codes import DeliverCodes
from services.auth.application.seal_audit import SealAudit
from services.auth.config import RelaySettings, SmsSettings
from services.auth.workers.exports import ExportMaking
from services.chassis.access import AccessTable
from services.chassis.clock import Clock, SystemClock
from services.chassis.config import Env, SettingsError
from services.chassis.lifecycle import pause, run_until_signalled, supervised
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool, create_pool
from services.chassis.redis_client import create_redis
from services.chassis.relay import Relay
from services.chassis.server import ServerBuilder, ServerSettings, serve
from services.chassis.telemetry import configure_logging, start_metrics_server
from services.sealing.key_encryption import KeyEncryptionKeys

STREAM: Final = "events:auth"

_REDIS_TIMEOUT_S: Final = 1.0
_SCHEMA_POLL_S: Final = 0.25
# The newest table that is needed here.
_HAS_SCHEMA_SQL: Final = "SELECT to_regclass('export_parts') IS NOT NULL"


async def run(
    settings: RelaySettings, server_settings: ServerSettings, keys: KeyEncryptionKeys, stop: asyncio.Event
) -> None:
    """Relay until `stop`. WrongKeyEncryptionKeyError when `keys` are not the database's."""
    log = structlog.get_logger(__name__)
    clock, metrics = SystemClock(), Metrics()
    if settings.metrics_port:
        start_metrics_server(metrics, settings.metrics_port)
    pool = await create_pool(settings.database_url, application_name="auth-relay", min_size=1, max_size=5)
    provider = _provider(settings.sms, pool, clock)
    redis = create_redis(settings.redis_url, timeout_s=_REDIS_TIMEOUT_S, client_name="auth-relay")
    exports: ExportMaking | None = None
    try:
        # The relay and the migration may start in any order.
        while not stop.is_set() and not await pool.fetchval(_HAS_SCHEMA_SQL):
            await pause(stop, _SCHEMA_POLL_S)
        if stop.is_set():
            return
        root_key = await load_root_key(pool, keys)
        relay = Relay(pool, redis, STREAM, encode_event, clock, metrics=metrics)
        tasks: dict[str, Coroutine[Any, Any, None]] = {"relay": relay.run(stop)}
        # Here and not in a process of its own: it needs the same database, keys and care, and little time.
        tasks["audit"] = _seal_audit(pool, root_key, timedelta(days=settings.audit_kept_days), clock, metrics).run(stop)
        # Nor may the service itself ask others for anything: what they do must not be felt by who signs in.
        exports = ExportMaking(pool, root_key, settings.identity, settings.peers, clock, metrics)
        tasks["exports"] = exports.run(stop)
        if provider is not None:
            tasks["codes"] = _deliver_codes(settings.sms, pool, provider, root_key, clock, metrics).run(stop)
        if settings.health_listen:
            tasks["health"] = serve(_health(settings.health_listen, clock, metrics, server_settings), stop)
        log.info("ready", worker="auth-relay")
        await supervised(stop, **tasks)
    finally:
        if exports is not None:
            await exports.close()
        if provider is not None:
            await provider.close()
        await redis.aclose()
        await pool.close()


def _provider(settings: SmsSettings, pool: PostgresPool, clock: Clock) -> CodeCarrier | None:
    match settings.provider:
        case "http":
            sms = HttpSms(settings.url, settings.key.reveal(), settings.timeout_s)
            if not settings.email_url:
                return CodeCarrier(sms, None, (sms,))
            email = HttpSms(settings.email_url, settings.email_key.reveal(), settings.timeout_s)
            return CodeCarrier(sms, HttpEmail(email), (sms, email))
        case "sandbox":
            inbox = PostgresSandboxInbox(pool, clock)
            return CodeCarrier(inbox, SandboxEmail(inbox))
        case _:
            return None


def _deliver_codes(
    settings: SmsSettings, pool: PostgresPool, provider: SmsProvider, root_key: bytes, clock: Clock, metrics: Metrics
) -> DeliverCodes:
    outcomes = Counter("daira_auth_codes", "Codes sent or not.", ("outcome",), registry=metrics.registry)
    return DeliverCodes(
        PostgresCodeOutbox(pool),
        provider,
        CodeMint(root_key),
        settings.origin,
        timedelta(seconds=settings.timeout_s),
        clock,
        lambda outcome: outcomes.labels(outcome).inc(),
    )


def _seal_audit(pool: PostgresPool, root_key: bytes, kept: timedelta, clock: Clock, metrics: Metrics) -> SealAudit:
    rows = Gauge("daira_auth_audit_unsealed_rows", "Rows of the audit log without a seal.", registry=metrics.registry)
    age = Gauge("daira_auth_audit_unsealed_age_seconds", "Age of the oldest of them.", registry=metrics.registry)

    def observe(unsealed: Unsealed) -> None:
        rows.set(unsealed.rows)
        age.set(unsealed.oldest_age_s)

    return SealAudit(PostgresAuditSeals(pool, root_key, clock, kept), clock, observe)


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
        keys = settings.key_encryption.read()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - nothing is set up yet that could log
        return 2
    configure_logging("auth-relay", json=settings.log.json, level=settings.log.level)
    return run_until_signalled(lambda stop: run(settings, server_settings, keys, stop))


if __name__ == "__main__":
    sys.exit(main())
