"""AuthService put together: registering, signing in by password, refreshing, signing out."""

from __future__ import annotations

from datetime import timedelta

from daira.auth.v1 import auth_service_pb2, auth_service_pb2_grpc
from services.auth.adapters.postgres.sign_in_attempts import PostgresSignInAttempts
from services.auth.application.get_account import GetAccount
from services.auth.application.password_check import PasswordCheck
from services.auth.application.refresh_tokens import RefreshTokens
from services.auth.application.register import Register
from services.auth.application.sign_in import SignIn
from services.auth.application.sign_out import SignOut
from services.auth.composition.factors import FactorParts
from services.auth.composition.part import Ground, Part
from services.auth.domain.attempts import AttemptLimit
from services.auth.rpc.auth_servicer import AuthServicer, UseCases

# What expired is kept so long that a replay can still be explained.
_EXPLAINED: timedelta = timedelta(days=7)


def accounts_part(ground: Ground, factors: FactorParts) -> Part:
    """The part."""
    settings, clock = ground.settings, ground.clock
    limit = AttemptLimit(
        settings.sign_in_attempts,
        timedelta(seconds=settings.sign_in_slowest_s),
        settings.network_attempts,
        timedelta(seconds=settings.network_window_s),
    )
    accounts, sessions, attempts = ground.accounts, ground.sessions, PostgresSignInAttempts(ground.pool)
    check = PasswordCheck(accounts, attempts, ground.hasher, limit, ground.refusals, clock)
    use_cases = UseCases(
        register=Register(ground.reader, accounts, sessions, ground.hasher, check, factors.rules, ground.opener, clock),
        sign_in=SignIn(ground.reader, accounts, sessions, ground.hasher, check, factors.second, ground.opener, clock),
        refresh_tokens=RefreshTokens(sessions, ground.mint, ground.opener, ground.lifetimes, clock),
        sign_out=SignOut(sessions, clock),
        get_account=GetAccount(accounts, clock),
    )
    return Part(
        auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"],
        auth_service_pb2_grpc.add_AuthServiceServicer_to_server,
        AuthServicer(use_cases, ground.jwks.render, ground.devices),
        chores=(
            (sessions.purge_tokens, _EXPLAINED),
            (sessions.purge, _EXPLAINED),
            (attempts.purge, timedelta()),
        ),
    )
