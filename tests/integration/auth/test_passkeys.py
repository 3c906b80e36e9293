"""Passkeys: added, signed in with, asked for as a second factor; whatever is not exactly right is refused."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

import grpc
import pytest

from daira.auth.v1 import auth_service_pb2 as auth_pb
from daira.auth.v1 import challenges_pb2
from daira.auth.v1 import factor_service_pb2 as pb
from tests.fakes.clock import FixedClock
from tests.fakes.software_authenticator import BACKED_UP, BACKUP_ELIGIBLE, PRESENT, VERIFIED, SoftwareAuthenticator
from tests.integration.auth.factors import DEVICE, PHONE, Factors
from tests.integration.auth.server import Running, refused, running

DENIED = grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture
async def mona(auth: Running) -> Factors:
    """A person who has just registered and holds the tokens."""
    person = Factors(auth)
    await person.register()
    return person


async def test_a_passkey_signs_in_alone_and_nobody_is_named(mona: Factors) -> None:
    phone = SoftwareAuthenticator()
    added = await mona.add_passkey(phone)
    assert added.name == "هاتف منى"
    signed_in = await mona.passkey_sign_in(phone)
    account = await mona.auth.account(signed_in.tokens.access_token)
    assert account.user_id == signed_in.user_id
    row = await mona.auth.pool.fetchrow("SELECT methods, level FROM sessions ORDER BY session_id DESC LIMIT 1")
    assert row is not None
    assert tuple(row) == (8, 2)
    assert await mona.auth.pool.fetchval("SELECT sign_count FROM passkeys") == 1


async def test_options_ask_for_a_verified_person_and_name_no_account(mona: Factors) -> None:
    begun = await mona.call("BeginPasskey", pb.BeginPasskeyRequest())
    options = json.loads(begun.options_json)
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["attestation"] == "none"
    assert options["user"]["name"] == "+2010*****67"
    assert PHONE[1:] not in begun.options_json
    signing = await mona.stub.BeginPasskeySignIn(challenges_pb2.BeginPasskeySignInRequest())
    request = json.loads(signing.options_json)
    assert (request["userVerification"], request.get("allowCredentials")) == ("required", [])


async def test_a_passkey_answers_the_challenge_of_a_password(mona: Factors) -> None:
    phone, stranger = SoftwareAuthenticator(), SoftwareAuthenticator()
    await mona.add_passkey(phone)
    other = Factors(mona.auth)
    await other.register("01112345678")
    await other.add_passkey(stranger)
    challenge = await mona.challenge()
    assert list(challenge.factors) == [auth_pb.SECOND_FACTOR_PASSKEY]
    allowed = json.loads(challenge.passkey_options_json)["allowCredentials"]
    assert len(allowed) == 1
    with refused(DENIED, "FACTOR_INVALID"):
        await mona.answer(challenge.challenge_token, passkey_assertion=stranger.get(challenge.passkey_options_json))
    answered = await mona.answer(challenge.challenge_token, passkey_assertion=phone.get(challenge.passkey_options_json))
    assert answered.user_id == (await mona.auth.account(answered.tokens.access_token)).user_id


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://daira.example"},
        {"origin": "http://localhost:8080.evil.example"},
        {"rp_id": "evil.example"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"flags": PRESENT | VERIFIED | BACKED_UP},
        {"cross_origin": True},
    ],
)
async def test_a_wrong_registration_is_refused(mona: Factors, wrong: dict[str, Any]) -> None:
    with refused(DENIED, "FACTOR_INVALID"):
        await mona.add_passkey(SoftwareAuthenticator(**wrong))
    assert await mona.auth.pool.fetchval("SELECT count(*) FROM passkeys") == 0
    assert (await mona.sign_in()).HasField("tokens")


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://daira.example"},
        {"rp_id": "evil.example"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"flags": PRESENT | VERIFIED | BACKUP_ELIGIBLE | BACKED_UP},
        {"cross_origin": True},
        {"key": SoftwareAuthenticator().key},
        {"credential_id": b"unknown"},
    ],
)
async def test_a_wrong_assertion_is_refused_like_an_unknown_passkey(mona: Factors, wrong: dict[str, Any]) -> None:
    phone = SoftwareAuthenticator()
    await mona.add_passkey(phone)
    for name, value in wrong.items():
        setattr(phone, name, value)
    with refused(DENIED, "CREDENTIALS_INVALID") as said:
        await mona.passkey_sign_in(phone)
    assert said.details == "this passkey does not sign in here"
    assert (await mona.auth.kinds()).count("session_started") == 1


@pytest.mark.parametrize(
    "wrong", [{"challenge": b"x" * 32}, {"user_handle": b""}, {"user_handle": bytes(8)}, {"kind": "webauthn.create"}]
)
async def test_a_wrong_challenge_user_or_kind_is_refused(mona: Factors, wrong: dict[str, Any]) -> None:
    phone = SoftwareAuthenticator()
    await mona.add_passkey(phone)
    with refused(DENIED, "CREDENTIALS_INVALID"):
        await mona.passkey_sign_in(phone, **wrong)


async def test_a_replayed_assertion_is_refused(mona: Factors) -> None:
    phone = SoftwareAuthenticator(counts=False)
    await mona.add_passkey(phone)
    begun = await mona.stub.BeginPasskeySignIn(challenges_pb2.BeginPasskeySignInRequest(device=DEVICE))
    said = phone.get(begun.options_json)
    request = challenges_pb2.FinishPasskeySignInRequest(
        ceremony_token=begun.ceremony_token, credential_json=said, device=DEVICE
    )
    results = await asyncio.gather(*(mona.stub.FinishPasskeySignIn(request) for _ in range(5)), return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    with refused(DENIED, "CHALLENGE_EXPIRED"):
        await mona.stub.FinishPasskeySignIn(request)
    newer = await mona.stub.BeginPasskeySignIn(challenges_pb2.BeginPasskeySignInRequest(device=DEVICE))
    request.ceremony_token = newer.ceremony_token
    with refused(DENIED, "CREDENTIALS_INVALID"):
        await mona.stub.FinishPasskeySignIn(request)


async def test_a_copy_whose_counter_lags_is_refused_and_told(mona: Factors) -> None:
    phone = SoftwareAuthenticator()
    added = await mona.add_passkey(phone)
    stolen = copy.copy(phone)
    await mona.passkey_sign_in(phone)
    await mona.passkey_sign_in(phone)
    with refused(DENIED, "CREDENTIALS_INVALID"):
        await mona.passkey_sign_in(stolen)
    assert (await mona.auth.kinds())[-1] == "passkey_refused"
    await mona.passkey_sign_in(phone)
    assert await mona.auth.pool.fetchval("SELECT sign_count FROM passkeys WHERE factor_id = $1", added.factor_id) == 3


async def test_a_ceremony_is_of_its_session_and_ends(mona: Factors) -> None:
    other = Factors(mona.auth)
    await other.register("01112345678")
    begun = await mona.call("BeginPasskey", pb.BeginPasskeyRequest())
    request = pb.FinishPasskeyRequest(
        ceremony_token=begun.ceremony_token, credential_json=SoftwareAuthenticator().create(begun.options_json)
    )
    with refused(DENIED, "CHALLENGE_EXPIRED"):
        await other.call("FinishPasskey", request)
    device = auth_pb.Device(device_id="another-device-of-mine")
    signing = await mona.stub.BeginPasskeySignIn(challenges_pb2.BeginPasskeySignInRequest(device=DEVICE))
    with refused(DENIED, "CHALLENGE_EXPIRED"):
        await mona.stub.FinishPasskeySignIn(
            challenges_pb2.FinishPasskeySignInRequest(
                ceremony_token=signing.ceremony_token, credential_json="{}", device=device
            )
        )
    mona.auth.clock.advance(300)
    with refused(DENIED, "CHALLENGE_EXPIRED"):
        await mona.call("FinishPasskey", request)


async def test_finishing_twice_adds_one(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock) as auth:
        mona = Factors(auth)
        await mona.register()
        begun = await mona.call("BeginPasskey", pb.BeginPasskeyRequest())
        request = pb.FinishPasskeyRequest(
            ceremony_token=begun.ceremony_token, credential_json=SoftwareAuthenticator().create(begun.options_json)
        )
        first = await mona.call("FinishPasskey", request)
        # Its answer was lost.
        again = await mona.call("FinishPasskey", request)
        assert again.passkey.factor_id == first.passkey.factor_id
        assert (await auth.kinds()).count("factor_added") == 1


async def test_twenty_passkeys_are_all_and_each_is_ones_own(mona: Factors) -> None:
    phone = SoftwareAuthenticator()
    await mona.add_passkey(phone)
    begun = await mona.call("BeginStepUp", challenges_pb2.BeginStepUpRequest())
    assertion = phone.get(begun.challenge.passkey_options_json)
    finished = await mona.call(
        "FinishStepUp",
        challenges_pb2.FinishStepUpRequest(
            challenge_token=begun.challenge.challenge_token,
            answer=challenges_pb2.FactorAnswer(passkey_assertion=assertion),
        ),
    )
    mona.access = finished.access_token
    assert finished.level == 2
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "FACTOR_LIMIT_REACHED"):
        await mona.add_passkey(phone)
    for number in range(19):
        await mona.add_passkey(SoftwareAuthenticator(), f"مفتاح {number}")
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "FACTOR_LIMIT_REACHED"):
        await mona.add_passkey(SoftwareAuthenticator())
    factors = await mona.call("GetFactors", pb.GetFactorsRequest())
    assert len(factors.passkeys) == 20


async def test_without_a_domain_no_passkeys_are_taken(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock, DAIRA_ENV="production") as auth:
        mona = Factors(auth)
        await mona.register()
        with refused(grpc.StatusCode.UNAVAILABLE, "SERVICE_UNAVAILABLE"):
            await mona.call("BeginPasskey", pb.BeginPasskeyRequest())
        with refused(grpc.StatusCode.UNAVAILABLE, "SERVICE_UNAVAILABLE"):
            await mona.stub.BeginPasskeySignIn(challenges_pb2.BeginPasskeySignInRequest())
