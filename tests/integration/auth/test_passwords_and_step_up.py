"""Passwords change, are set and forgotten; changing a factor asks for a fresh proof; no way gets round a factor."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from daira.auth.v1 import auth_service_pb2 as auth_pb
from daira.auth.v1 import challenges_pb2
from daira.auth.v1 import factor_service_pb2 as pb
from tests.integration.auth.codes import Codes, wrong
from tests.integration.auth.factors import PHONE, Factors
from tests.integration.auth.server import GOOD, Running, refused

DENIED = grpc.StatusCode.UNAUTHENTICATED
INVALID = grpc.StatusCode.INVALID_ARGUMENT
BETTER = "كلمة مرور أطول"


@pytest.fixture
async def mona(auth: Running) -> Factors:
    """A person who has just registered and holds the tokens."""
    person = Factors(auth)
    await person.register()
    return person


def change(new: str = BETTER, current: str = GOOD, *, others: bool = False) -> pb.ChangePasswordRequest:
    return pb.ChangePasswordRequest(current_password=current, new_password=new, end_other_sessions=others)


async def test_a_password_is_changed_and_other_sessions_end_if_asked(mona: Factors) -> None:
    other = await mona.auth.sign_in(PHONE)
    assert (await mona.call("ChangePassword", change())).sessions_ended == 0
    await mona.auth.account(other.tokens.access_token)
    with refused(DENIED, "CREDENTIALS_INVALID"):
        await mona.auth.sign_in(PHONE, GOOD)
    again = await mona.call("ChangePassword", change(GOOD, BETTER, others=True))
    assert again.sessions_ended == 1
    await mona.auth.account(mona.access)
    with refused(DENIED, "REFRESH_TOKEN_INVALID"):
        await mona.auth.refresh(other.tokens.refresh_token)
    assert (await mona.auth.kinds())[-3:] == ["password_changed", "password_changed", "session_ended"]


@pytest.mark.parametrize("new", ["password1", "دايرة ٢٠٢٦", "01001234567", "short", "x" * 129])
async def test_a_new_password_must_be_one_that_nobody_guesses(mona: Factors, new: str) -> None:
    reason = "FIELD_INVALID" if len(new) in {5, 129} else "PASSWORD_BREACHED"
    with refused(INVALID, reason):
        await mona.call("ChangePassword", change(new))
    with refused(INVALID, reason):
        await mona.auth.register("01112345678" if "0100" not in new else "01001234567", new, "another-key")
    assert (await mona.auth.sign_in(PHONE)).user_id


async def test_the_current_password_is_guessed_twenty_times_at_most(mona: Factors) -> None:
    results = await asyncio.gather(
        *(mona.call("ChangePassword", change(current=f"wrong password {n}")) for n in range(30)), return_exceptions=True
    )
    codes = [result.code() for result in results if isinstance(result, grpc.aio.AioRpcError)]
    assert (codes.count(DENIED), codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED)) == (20, 10)
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"):
        await mona.call("ChangePassword", change())


async def test_of_two_changes_at_once_one_is_made(mona: Factors) -> None:
    results = await asyncio.gather(
        *(mona.call("ChangePassword", change(f"{BETTER} {n}")) for n in range(4)), return_exceptions=True
    )
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    assert (await mona.auth.kinds()).count("password_changed") == 1


async def test_after_ten_minutes_the_proof_must_be_made_again(mona: Factors) -> None:
    mona.auth.clock.advance(599)
    await mona.call("BeginTotp", pb.BeginTotpRequest())
    tokens = (await mona.auth.sign_in(PHONE)).tokens
    mona.auth.clock.advance(601)
    mona.access = (await mona.auth.refresh(tokens.refresh_token)).access_token
    for method, request in (
        ("BeginTotp", pb.BeginTotpRequest()),
        ("BeginPasskey", pb.BeginPasskeyRequest()),
        ("ChangePassword", change()),
        ("CreateRecoveryCodes", pb.CreateRecoveryCodesRequest()),
        ("RemoveFactor", pb.RemoveFactorRequest(factor_id=1)),
    ):
        with refused(DENIED, "STEP_UP_NEEDED"):
            await mona.call(method, request)
    challenge = await mona.begin_step_up()
    assert list(challenge.factors) == [auth_pb.SECOND_FACTOR_PASSWORD]
    with refused(DENIED, "FACTOR_INVALID"):
        await mona.step_up(password="not my password")
    assert (await mona.step_up(password=GOOD)).level == 1
    await mona.call("ChangePassword", change())
    # Refreshed, the session still says when it was proved.
    await mona.auth.account(mona.access)


async def test_with_a_second_factor_level_2_is_asked_for(mona: Factors) -> None:
    factor_id = await mona.add_totp()
    for method, request in (
        ("ChangePassword", change()),
        ("CreateRecoveryCodes", pb.CreateRecoveryCodesRequest()),
        ("RemoveFactor", pb.RemoveFactorRequest(factor_id=factor_id)),
        ("BeginPasskey", pb.BeginPasskeyRequest()),
    ):
        with refused(DENIED, "STEP_UP_NEEDED"):
            await mona.call(method, request)
    with refused(DENIED, "FACTOR_INVALID"):
        # The password proves nothing that was not proved.
        await mona.step_up(password=GOOD)
    assert (await mona.step_up(totp_code=mona.next_code())).level == 2
    await mona.call("CreateRecoveryCodes", pb.CreateRecoveryCodesRequest())
    await mona.call("RemoveFactor", pb.RemoveFactorRequest(factor_id=factor_id))
    assert (await mona.auth.kinds())[-2:] == ["recovery_codes_created", "factor_removed"]
    assert await mona.auth.pool.fetchval("SELECT count(*) FROM recovery_codes") == 0
    assert (await mona.sign_in()).HasField("tokens")
    with refused(grpc.StatusCode.NOT_FOUND, "FACTOR_NOT_FOUND"):
        await mona.call("RemoveFactor", pb.RemoveFactorRequest(factor_id=factor_id))


async def test_a_step_up_is_of_its_session(mona: Factors) -> None:
    other = Factors(mona.auth, (await mona.auth.sign_in(PHONE)).tokens.access_token)
    challenge = await mona.begin_step_up()
    request = challenges_pb2.FinishStepUpRequest(
        challenge_token=challenge.challenge_token, answer=challenges_pb2.FactorAnswer(password=GOOD)
    )
    with refused(DENIED, "CHALLENGE_EXPIRED"):
        await other.call("FinishStepUp", request)
    with refused(INVALID, "FIELD_INVALID"):
        await mona.answer(challenge.challenge_token, auth_pb.Device(), password=GOOD)
    await mona.call("FinishStepUp", request)
    with refused(DENIED, "CHALLENGE_EXPIRED"):
        await mona.call("FinishStepUp", request)


async def test_what_is_recommended_is_what_is_missing(mona: Factors) -> None:
    def kinds(factors: pb.GetFactorsResponse) -> list[int]:
        return list(factors.recommended)

    assert kinds(await mona.call("GetFactors", pb.GetFactorsRequest())) == [
        auth_pb.SECOND_FACTOR_PASSKEY, auth_pb.SECOND_FACTOR_TOTP,
    ]  # fmt: skip
    await mona.add_totp()
    factors = await mona.call("GetFactors", pb.GetFactorsRequest())
    assert kinds(factors) == [auth_pb.SECOND_FACTOR_PASSKEY, auth_pb.SECOND_FACTOR_RECOVERY_CODE]
    assert factors.has_password
    assert factors.HasField("totp")


async def test_a_code_by_message_does_not_get_round_the_factor(mona: Factors) -> None:
    await mona.add_totp()
    codes = Codes(mona.auth)
    flow = await codes.send()
    code = await codes.received()
    redeemed = await codes.redeem(flow.flow_token, code)
    assert (redeemed.user_id, redeemed.HasField("tokens")) == (0, False)
    token = redeemed.challenge.challenge_token
    # The answer was lost: the same code gets the same challenge, another gets nothing.
    assert (await codes.redeem(flow.flow_token, code)).challenge.challenge_token == token
    with refused(DENIED, "CODE_EXPIRED"):
        await codes.redeem(flow.flow_token, wrong(code))
    with refused(DENIED, "FACTOR_INVALID"):
        await mona.answer(token, totp_code=mona.wrong_code())
    # The phone was only claimed till now; that it is shown forgets neither password nor factor, and ends nothing.
    assert await mona.auth.pool.fetchval("SELECT password_hash IS NOT NULL FROM accounts")
    await mona.auth.account(mona.access)
    answered = await mona.answer(token, totp_code=mona.next_code())
    await mona.auth.account(answered.tokens.access_token)
    assert await mona.auth.pool.fetchval("SELECT phone_proved_at IS NOT NULL FROM accounts")
    assert not (await mona.sign_in()).HasField("tokens")
    with refused(DENIED, "CODE_EXPIRED"):
        await codes.redeem(flow.flow_token, code)


async def test_a_forgotten_password_is_set_with_code_and_factor(mona: Factors) -> None:
    await mona.add_totp()
    codes = Codes(mona.auth)
    redeemed = await codes.sign_in()
    answered = await mona.answer(redeemed.challenge.challenge_token, totp_code=mona.next_code())
    someone = Factors(mona.auth, answered.tokens.access_token)
    response = await someone.call("SetPassword", pb.SetPasswordRequest(new_password=BETTER, end_other_sessions=True))
    assert response.sessions_ended == 1
    with refused(DENIED, "CREDENTIALS_INVALID"):
        await mona.sign_in()
    assert (await mona.sign_in(password=BETTER)).HasField("challenge")


async def test_who_enrolled_by_code_sets_a_first_password(auth: Running) -> None:
    codes = Codes(auth)
    mona = Factors(auth, (await codes.sign_in()).tokens.access_token)
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "FACTOR_NOT_FOUND"):
        await mona.begin_step_up()
    with refused(DENIED, "CREDENTIALS_INVALID"):
        await mona.call("ChangePassword", change())
    await mona.call("SetPassword", pb.SetPasswordRequest(new_password=GOOD))
    assert (await auth.sign_in(PHONE)).user_id
    assert (await auth.kinds())[-2:] == ["password_changed", "session_started"]


async def test_a_password_that_is_known_must_be_given_to_be_changed(mona: Factors) -> None:
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "PASSWORD_NEEDED"):
        await mona.call("SetPassword", pb.SetPasswordRequest(new_password=BETTER))


async def test_an_ended_session_changes_nothing(mona: Factors) -> None:
    await mona.auth.sign_out(mona.access)
    for method, request in (
        ("GetFactors", pb.GetFactorsRequest()),
        ("BeginTotp", pb.BeginTotpRequest()),
        ("BeginStepUp", challenges_pb2.BeginStepUpRequest()),
        ("ChangePassword", change()),
    ):
        with refused(DENIED, "TOKEN_REVOKED"):
            await mona.call(method, request)


async def test_a_suspended_account_gets_no_session_by_a_factor(mona: Factors) -> None:
    await mona.add_totp()
    challenge = await mona.challenge()
    await mona.auth.pool.execute("UPDATE accounts SET status = 2")
    with refused(grpc.StatusCode.PERMISSION_DENIED, "ACCOUNT_SUSPENDED"):
        await mona.answer(challenge.challenge_token, totp_code=mona.next_code())
    with refused(grpc.StatusCode.PERMISSION_DENIED, "ACCOUNT_SUSPENDED"):
        await mona.sign_in()
