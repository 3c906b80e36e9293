"""Factors and challenges as the contract has them, and as it sends them."""

from __future__ import annotations

from typing import Final

from daira.auth.v1 import auth_service_pb2 as auth_pb
from daira.auth.v1 import challenges_pb2
from daira.auth.v1 import factor_service_pb2 as pb
from services.auth.application.factor_records import Answer, FactorList, PasskeyView, TotpView
from services.auth.application.second_factors import Challenge
from services.auth.domain.factors import Factor
from services.auth.rpc.token_pairs import encode_time
from services.chassis.errors import invalid

_FACTORS: Final = {
    Factor.TOTP: auth_pb.SECOND_FACTOR_TOTP,
    Factor.PASSKEY: auth_pb.SECOND_FACTOR_PASSKEY,
    Factor.RECOVERY_CODE: auth_pb.SECOND_FACTOR_RECOVERY_CODE,
    Factor.PASSWORD: auth_pb.SECOND_FACTOR_PASSWORD,
}


def read_answer(answer: challenges_pb2.FactorAnswer) -> Answer:
    """The answer of a request; AppError INVALID_ARGUMENT when there is none."""
    match answer.WhichOneof("value"):
        case "totp_code":
            return Answer(Factor.TOTP, answer.totp_code)
        case "recovery_code":
            return Answer(Factor.RECOVERY_CODE, answer.recovery_code)
        case "passkey_assertion":
            return Answer(Factor.PASSKEY, answer.passkey_assertion)
        case "password":
            return Answer(Factor.PASSWORD, answer.password)
        case _:
            raise invalid("answer", "must be given")


def encode_challenge(challenge: Challenge) -> auth_pb.Challenge:
    """The message of a challenge."""
    return auth_pb.Challenge(
        challenge_token=challenge.token,
        factors=[_FACTORS[factor] for factor in challenge.factors],
        expires_at=encode_time(challenge.expires_at),
        passkey_options_json=challenge.passkey_options,
    )


def encode_factors(factors: FactorList) -> pb.GetFactorsResponse:
    """The message of all factors."""
    return pb.GetFactorsResponse(
        has_password=factors.holdings.has_password,
        totp=_encode_totp(factors.totp) if factors.totp is not None else None,
        passkeys=[encode_passkey(passkey) for passkey in factors.passkeys],
        recovery_codes_left=factors.holdings.recovery_codes,
        recommended=[_FACTORS[factor] for factor in factors.holdings.recommended()],
    )


def encode_passkey(passkey: PasskeyView) -> pb.PasskeyFactor:
    """The message of a passkey."""
    return pb.PasskeyFactor(
        factor_id=passkey.factor_id,
        name=passkey.name,
        is_backed_up=passkey.is_backed_up,
        aaguid=passkey.aaguid,
        created_at=encode_time(passkey.created_at),
        last_used_at=encode_time(passkey.last_used_at) if passkey.last_used_at else None,
    )


def _encode_totp(totp: TotpView) -> pb.TotpFactor:
    return pb.TotpFactor(
        factor_id=totp.factor_id,
        created_at=encode_time(totp.created_at),
        last_used_at=encode_time(totp.last_used_at) if totp.last_used_at else None,
    )
