"""auth put together: every part of the service, made once and passed on."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import timedelta

from prometheus_client import Gauge

from daira.auth.v1 import (
    auth_service_pb2,
    auth_service_pb2_grpc,
    code_service_pb2,
    code_service_pb2_grpc,
    factor_service_pb2,
    factor_service_pb2_grpc,
)
from daira.common.v1 import access_pb2
from daira.events.v1 import event_log_service_pb2, event_log_service_pb2_grpc
from services.auth.adapters.access_tokens import JwtSigner, RingJwks
from services.auth.adapters.argon2_hasher import Argon2Hasher, HashingSettings
from services.auth.adapters.code_mint import CodeMint
from services.auth.adapters.event_codec import to_event
from services.auth.adapters.identifier_reader import IdentifierReader
from services.auth.adapters.postgres.accounts import PostgresAccounts
from services.auth.adapters.postgres.codes import PostgresCodes
from services.auth.adapters.postgres.sandbox_inbox import PostgresSandboxInbox
from services.auth.adapters.postgres.sessions import PostgresSessions
from services.auth.adapters.postgres.sign_in_attempts import PostgresSignInAttempts
from services.auth.adapters.postgres.signing_keys import PostgresSigningKeys
from services.auth.adapters.refresh_token_mint import RefreshTokenMint
from services.auth.adapters.signing_key_box import SigningKeyBox, read_key_encryption_key
from services.auth.application.get_account import GetAccount
from services.auth.application.housekeeping import Housekeeping, Purge
from services.auth.application.key_ring import KeyRing
from services.auth.application.password_check import PasswordCheck
from services.auth.application.redeem_code import RedeemCode
from services.auth.application.refresh_tokens import RefreshTokens
from services.auth.application.register import Register
from services.auth.application.second_factors import SecondFactors
from services.auth.application.send_code import SendCode
from services.auth.application.session_opener import SessionOpener
from services.auth.application.sign_in import SignIn
from services.auth.application.sign_out import SignOut
from services.auth.composition.factors import FactorParts
from services.auth.config import AuthSettings, CodeSettings
from services.auth.domain.attempts import AttemptLimit
from services.auth.domain.code_budgets import CodeBudgets
from services.auth.domain.codes import CodeRules
from services.auth.domain.key_schedule import KeySchedule
from services.auth.domain.session import SessionLifetimes
from services.auth.rpc.auth_servicer import AuthServicer, UseCases
from services.auth.rpc.code_servicer import CodeServicer
from services.auth.rpc.event_log_servicer import EventLogServicer
from services.auth.rpc.factor_servicer import FactorServicer
from services.chassis.access import AccessTable
from services.chassis.clock import Clock, SystemClock
from services.chassis.config import Env, SettingsError
from services.chassis.event_log import PostgresEventLog
from services.chassis.jwks import KeySet
from services.chassis.lifecycle import run_until_signalled, supervised
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool, create_pool, is_connected
from services.chassis.server import ServerBuilder, ServerSettings, serve
from services.chassis.telemetry import configure_logging, start_metrics_server
from services.chassis.tokens import TokenVerifier


class Auth:
    """The running parts of auth over one pool: a server to serve and chores to run beside it."""

    def __init__(
        self,
        settings: AuthSettings,
        server_settings: ServerSettings,
        key_encryption_key: bytes,
        pool: PostgresPool,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        lifetimes = SessionLifetimes(
            access=timedelta(seconds=settings.access_life_s),
            refresh_idle=timedelta(seconds=settings.refresh_idle_s),
            session=timedelta(seconds=settings.session_life_s),
        )
        limit = AttemptLimit(settings.sign_in_attempts, timedelta(seconds=settings.sign_in_window_s))
        accounts, sessions, attempts = PostgresAccounts(pool), PostgresSessions(pool), PostgresSignInAttempts(pool)
        reader, mint = IdentifierReader(), RefreshTokenMint()
        self.hasher = Argon2Hasher(
            HashingSettings(
                memory_kib=settings.hashing_memory_kib,
                time_cost=settings.hashing_time_cost,
                parallelism=settings.hashing_parallelism,
                threads=settings.hashing_threads,
                queue=settings.hashing_queue,
            )
        )
        Gauge(
            "daira_auth_passwords_waiting", "Passwords being hashed or waiting for it.", registry=metrics.registry
        ).set_function(self.hasher.waiting)
        self.ring = KeyRing(PostgresSigningKeys(pool, SigningKeyBox(key_encryption_key)), KeySchedule(), clock)
        jwks = RingJwks(self.ring)
        opener = SessionOpener(mint, JwtSigner(self.ring), lifetimes, clock)
        check = PasswordCheck(attempts, self.hasher, limit, clock)
        factors = FactorParts(settings.factors, key_encryption_key, pool, self.hasher, opener, clock)
        use_cases = UseCases(
            register=Register(reader, accounts, sessions, self.hasher, check, factors.rules, opener, clock),
            sign_in=SignIn(reader, accounts, sessions, self.hasher, check, factors.second, opener, clock),
            refresh_tokens=RefreshTokens(sessions, mint, opener, lifetimes, clock),
            sign_out=SignOut(sessions, clock),
            get_account=GetAccount(accounts, clock),
        )
        code_mint = CodeMint(key_encryption_key)
        code_servicer = _code_servicer(
            settings.codes, PostgresCodes(pool), code_mint, reader, mint, factors.second, opener, clock
        )
        self.housekeeping = Housekeeping(
            sessions.purge,
            sessions.purge_tokens,
            attempts.purge,
            limit,
            clock,
            (*_code_chores(pool, clock), *factors.chores),
        )
        auth_api = auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"]
        code_api = code_service_pb2.DESCRIPTOR.services_by_name["CodeService"]
        factor_api = factor_service_pb2.DESCRIPTOR.services_by_name["FactorService"]
        log_api = event_log_service_pb2.DESCRIPTOR.services_by_name["EventLogService"]
        self.server = (
            ServerBuilder(
                "auth",
                settings.listen,
                clock=clock,
                verifier=TokenVerifier(KeySet(jwks, clock), settings.service_token_key.reveal(), clock),
                access_table=AccessTable.from_descriptors([auth_api, code_api, factor_api, log_api], access_pb2.access),
                metrics=metrics,
                settings=server_settings,
            )
            .add(
                auth_service_pb2_grpc.add_AuthServiceServicer_to_server, AuthServicer(use_cases, jwks.render), auth_api
            )
            .add(code_service_pb2_grpc.add_CodeServiceServicer_to_server, code_servicer, code_api)
            .add(
                factor_service_pb2_grpc.add_FactorServiceServicer_to_server,
                FactorServicer(factors.use_cases),
                factor_api,
            )
            .add(
                event_log_service_pb2_grpc.add_EventLogServiceServicer_to_server,
                EventLogServicer(PostgresEventLog(pool), to_event),
                log_api,
            )
            .on_ready("postgres", lambda: is_connected(pool))
            .on_ready("signing_keys", self._has_keys)
        )

    async def _has_keys(self) -> bool:
        return self.ring.is_loaded()


def _code_servicer(
    settings: CodeSettings,
    codes: PostgresCodes,
    code_mint: CodeMint,
    reader: IdentifierReader,
    refresh_mint: RefreshTokenMint,
    second_factors: SecondFactors,
    opener: SessionOpener,
    clock: Clock,
) -> CodeServicer:
    rules = CodeRules()
    budgets = CodeBudgets(
        number_minute=settings.number_minute,
        number_hour=settings.number_hour,
        number_day=settings.number_day,
        network_hour=settings.network_hour,
        block_hour=settings.block_hour,
        everybody_hour=settings.everybody_hour,
        everybody_day=settings.everybody_day,
    )
    return CodeServicer(
        SendCode(reader, codes, code_mint, budgets, rules, clock, is_open=settings.provider != "closed"),
        RedeemCode(codes, code_mint, refresh_mint, second_factors, opener, rules, clock),
    )


def _code_chores(pool: PostgresPool, clock: Clock) -> Sequence[tuple[Purge, timedelta]]:
    codes = PostgresCodes(pool)
    return (
        # A flow is kept for as long as its key may be repeated.
        (codes.purge_flows, timedelta(days=1)),
        (codes.purge_budgets, timedelta()),
        (PostgresSandboxInbox(pool, clock).purge, timedelta(days=1)),
    )


async def run(settings: AuthSettings, server_settings: ServerSettings, kek: bytes, stop: asyncio.Event) -> None:
    """Serve until `stop`. `kek` is the key encryption key, 32 bytes."""
    clock, metrics = SystemClock(), Metrics()
    if settings.metrics_port:
        start_metrics_server(metrics, settings.metrics_port)
    pool = await create_pool(settings.database_url, application_name="auth", max_size=settings.database_connections)
    auth = Auth(settings, server_settings, kek, pool, clock, metrics)
    try:
        await supervised(
            stop,
            rpc=serve(auth.server, stop),
            keys=auth.ring.keep_loaded(stop),
            housekeeping=auth.housekeeping.run(stop),
        )
    finally:
        auth.hasher.close()
        await pool.close()


def main() -> int:
    """Run the service and return the exit code: 2 for wrong settings."""
    try:
        env = Env(os.environ)
        settings, server_settings = AuthSettings.from_env(env), ServerSettings.from_env(env)
        env.finish()
        kek = read_key_encryption_key(settings.key_encryption_key)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - nothing is set up yet that could log
        return 2
    configure_logging("auth", json=settings.log.json, level=settings.log.level)
    return run_until_signalled(lambda stop: run(settings, server_settings, kek, stop))
