"""auth put together: every part of the service, made once and passed on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from prometheus_client import Gauge

from daira.common.v1 import access_pb2
from daira.events.v1 import event_log_service_pb2, event_log_service_pb2_grpc
from services.auth.adapters.event_codec import to_event
from services.auth.adapters.postgres.revocation_log import PostgresRevocations
from services.auth.adapters.postgres.root_key import load_root_key
from services.auth.application.housekeeping import Housekeeping
from services.auth.composition.account import account_part, admin_part
from services.auth.composition.accounts import accounts_part
from services.auth.composition.audit import audit_part
from services.auth.composition.codes import codes_part
from services.auth.composition.factors import FactorParts
from services.auth.composition.part import Ground, Part
from services.auth.composition.sessions import sessions_part
from services.auth.config import AuthSettings
from services.auth.rpc.event_log_servicer import EventLogServicer
from services.chassis.access import AccessTable
from services.chassis.clock import Clock, SystemClock
from services.chassis.config import Env, SettingsError
from services.chassis.errors import AppError
from services.chassis.event_log import PostgresEventLog
from services.chassis.jwks import KeySet
from services.chassis.lifecycle import pause, run_until_signalled, supervised
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool, create_pool, is_connected
from services.chassis.revocations import Revocations
from services.chassis.server import ServerBuilder, ServerSettings, serve
from services.chassis.telemetry import configure_logging, start_metrics_server
from services.chassis.tokens import TokenVerifier
from services.sealing.key_encryption import KeyEncryptionKeys
from services.sealing.root_key import has_root_key_table

_SCHEMA_POLL_S = 0.5


class Auth:
    """The running parts of auth over one pool: a server to serve and chores to run beside it."""

    def __init__(
        self,
        settings: AuthSettings,
        server_settings: ServerSettings,
        root_key: bytes,
        pool: PostgresPool,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        ground = Ground(settings, root_key, pool, clock, metrics, server_settings.dpop_url)
        self.ring, self.hasher, self.refusals = ground.ring, ground.hasher, ground.refusals
        Gauge(
            "daira_auth_passwords_waiting", "Passwords being hashed or waiting for it.", registry=metrics.registry
        ).set_function(self.hasher.waiting)
        factors = FactorParts(ground)
        parts = (
            accounts_part(ground, factors),
            codes_part(ground, factors),
            factors.part,
            sessions_part(ground),
            account_part(ground),
            admin_part(ground),
            audit_part(ground),
            _event_log_part(pool),
        )
        self.housekeeping = Housekeeping([chore for part in parts for chore in part.chores], clock)
        self.revocations = Revocations(PostgresRevocations(pool), clock, server_settings.revocations)
        self.revocations.expose(metrics)
        self.server = (
            ServerBuilder(
                "auth",
                settings.listen,
                clock=clock,
                verifier=TokenVerifier(
                    KeySet(ground.jwks, clock), settings.identity.verifier(), clock, self.revocations
                ),
                access_table=AccessTable.from_descriptors([part.api for part in parts], access_pb2.access),
                metrics=metrics,
                settings=server_settings,
            )
            .on_ready("postgres", lambda: is_connected(pool))
            .on_ready("signing_keys", self._has_keys)
            .on_ready("revocations", self.revocations.load)
        )
        for part in parts:
            self.server.add(part.add, part.servicer, part.api)

    async def _has_keys(self) -> bool:
        return self.ring.is_loaded()


def _event_log_part(pool: PostgresPool) -> Part:
    return Part(
        event_log_service_pb2.DESCRIPTOR.services_by_name["EventLogService"],
        event_log_service_pb2_grpc.add_EventLogServiceServicer_to_server,
        EventLogServicer(PostgresEventLog(pool), to_event),
    )


async def run(
    settings: AuthSettings, server_settings: ServerSettings, keys: KeyEncryptionKeys, stop: asyncio.Event
) -> None:
    """Serve until `stop`. WrongKeyEncryptionKeyError when `keys` are not the database's."""
    clock, metrics = SystemClock(), Metrics()
    if settings.metrics_port:
        start_metrics_server(metrics, settings.metrics_port)
    pool = await create_pool(settings.database_url, application_name="auth", max_size=settings.database_connections)
    try:
        # The service and the migration may start in any order.
        while not stop.is_set() and not await has_root_key_table(pool):
            await pause(stop, _SCHEMA_POLL_S)
        if not stop.is_set():
            root_key = await load_root_key(pool, keys)
            await _serve(Auth(settings, server_settings, root_key, pool, clock, metrics), stop)
    finally:
        await pool.close()


async def _serve(auth: Auth, stop: asyncio.Event) -> None:
    try:
        await supervised(
            stop,
            rpc=serve(auth.server, stop),
            keys=auth.ring.keep_loaded(stop),
            revocations=auth.revocations.run(stop),
            refusals=auth.refusals.run(stop),
            housekeeping=auth.housekeeping.run(stop),
        )
    finally:
        # Those of the calls that were answered while the server drained.
        with contextlib.suppress(AppError):
            await auth.refusals.flush()
        auth.hasher.close()


def main() -> int:
    """Run the service and return the exit code: 2 for wrong settings."""
    try:
        env = Env(os.environ)
        settings, server_settings = AuthSettings.from_env(env), ServerSettings.from_env(env)
        env.finish()
        keys = settings.key_encryption.read()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - nothing is set up yet that could log
        return 2
    configure_logging("auth", json=settings.log.json, level=settings.log.level)
    return run_until_signalled(lambda stop: run(settings, server_settings, keys, stop))
