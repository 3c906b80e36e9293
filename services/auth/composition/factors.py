"""Passwords' rules and second factors put together."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from daira.auth.v1 import factor_service_pb2, factor_service_pb2_grpc
from services.auth.adapters.breached_password_file import BreachedPasswordFile
from services.auth.adapters.code_mint import CodeMint
from services.auth.adapters.factor_mint import FactorMint
from services.auth.adapters.guessed_passwords import GuessedPasswords
from services.auth.adapters.postgres.challenges import PostgresChallenges
from services.auth.adapters.postgres.factors import PostgresFactors
from services.auth.adapters.postgres.passwords import PostgresPasswords
from services.auth.adapters.totp_codes import TotpCodes
from services.auth.adapters.webauthn_passkeys import WebauthnPasskeys
from services.auth.application.answer_challenge import AnswerChallenge
from services.auth.application.answer_check import AnswerCheck
from services.auth.application.change_password import ChangePassword
from services.auth.application.manage_factors import ManageFactors
from services.auth.application.passkey_sign_in import PasskeySignIn
from services.auth.application.password_rules import PasswordRules
from services.auth.application.second_factors import SecondFactors
from services.auth.application.step_up import StepUp
from services.auth.composition.part import Ground, Part
from services.auth.config import AuthSettings, FactorSettings
from services.auth.domain.challenges import BeginLimit, ChallengeRules
from services.auth.rpc.factor_servicer import FactorServicer, FactorUseCases


class FactorParts:
    """What sign-in and registration need of factors, and FactorService.

    SettingsError when the operator's file of leaked passwords cannot be read.
    """

    def __init__(self, ground: Ground) -> None:
        settings, pool, hasher = ground.settings.factors, ground.pool, ground.hasher
        opener, clock = ground.opener, ground.clock
        rules, mint, totp = ChallengeRules(), FactorMint(ground.root_key), TotpCodes()
        code_mint = CodeMint(ground.root_key)
        passkeys = WebauthnPasskeys(settings.rp_id, settings.origins)
        challenges = PostgresChallenges(pool)
        check = AnswerCheck(challenges, mint, totp, passkeys, hasher, rules, clock)
        self.rules = _password_rules(settings)
        self.second = SecondFactors(challenges, mint, passkeys, rules, clock)
        use_cases = FactorUseCases(
            manage=ManageFactors(PostgresFactors(pool), challenges, mint, totp, passkeys, rules, clock),
            passwords=ChangePassword(PostgresPasswords(pool), hasher, self.rules, rules, clock),
            passkey_sign_in=PasskeySignIn(
                challenges, mint, passkeys, opener, rules, _begin_limit(ground.settings), code_mint, clock
            ),
            answer_challenge=AnswerChallenge(check, challenges, mint, opener, clock),
            step_up=StepUp(check, challenges, self.second, mint, opener, rules, clock),
        )
        self.part = Part(
            factor_service_pb2.DESCRIPTOR.services_by_name["FactorService"],
            factor_service_pb2_grpc.add_FactorServiceServicer_to_server,
            FactorServicer(use_cases, ground.devices),
            chores=(
                (challenges.purge, timedelta(hours=1)),
                (challenges.purge_guesses, rules.account_window),
            ),
        )


def _begin_limit(settings: AuthSettings) -> BeginLimit:
    return BeginLimit(settings.network_passkey_begins, timedelta(seconds=settings.network_window_s))


def _password_rules(settings: FactorSettings) -> PasswordRules:
    path = settings.breached_passwords_file
    return PasswordRules(GuessedPasswords(), BreachedPasswordFile(Path(path)) if path else None)
