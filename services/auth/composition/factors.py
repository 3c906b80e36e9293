"""FactorService put together: second factors, passwords, challenges and step-up."""

from __future__ import annotations

from datetime import timedelta

from daira.auth.v1 import factor_service_pb2, factor_service_pb2_grpc
from services.auth.adapters.postgres.factors import PostgresFactors
from services.auth.adapters.postgres.passwords import PostgresPasswords
from services.auth.adapters.totp_codes import TotpCodes
from services.auth.application.answer_challenge import AnswerChallenge
from services.auth.application.answer_check import AnswerCheck
from services.auth.application.change_password import ChangePassword
from services.auth.application.manage_factors import ManageFactors
from services.auth.application.passkey_sign_in import PasskeySignIn
from services.auth.application.step_up import StepUp
from services.auth.composition.part import Ground, Part
from services.auth.rpc.factor_servicer import FactorServicer, FactorUseCases


def factors_part(ground: Ground) -> Part:
    """The part."""
    pool, hasher, opener, clock = ground.pool, ground.hasher, ground.opener, ground.clock
    own, totp = ground.factors, TotpCodes()
    rules, mint, challenges, passkeys = own.rules, own.mint, own.challenges, own.passkeys
    check = AnswerCheck(challenges, mint, totp, passkeys, hasher, rules, clock)
    use_cases = FactorUseCases(
        manage=ManageFactors(PostgresFactors(pool), challenges, mint, totp, passkeys, rules, clock),
        passwords=ChangePassword(PostgresPasswords(pool), hasher, own.password_rules, rules, clock),
        passkey_sign_in=PasskeySignIn(challenges, mint, passkeys, opener, rules, clock),
        answer_challenge=AnswerChallenge(check, challenges, mint, opener, clock),
        step_up=StepUp(check, challenges, own.second, mint, opener, rules, clock),
    )
    return Part(
        factor_service_pb2.DESCRIPTOR.services_by_name["FactorService"],
        factor_service_pb2_grpc.add_FactorServiceServicer_to_server,
        FactorServicer(use_cases, ground.devices),
        chores=((challenges.purge, timedelta(hours=1)), (challenges.purge_guesses, rules.account_window)),
    )
