"""Authenticator apps and recovery codes: added, asked for at sign-in, each code good once, guesses counted first."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from daira.auth.v1 import auth_service_pb2 as auth_pb
from daira.auth.v1 import factor_service_pb2 as pb
from services.auth.adapters.factor_mint import FactorMint
from tests.fakes.clock import FixedClock
from tests.integration.auth.factors import DEVICE, PHONE, Factors
from tests.integration.auth.server import KEK, Running, read_refusal, refused, running

DENIED = grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture
async def mona(auth: Running) -> Factors:
    """A person who has just registered and holds the tokens."""
    person = Factors(auth)
    await person.register()
    return person


async def test_with_an_app_a_password_alone_gives_a_challenge(mona: Factors) -> None:
    await mona.add_totp()
    challenge = await mona.challenge()
    assert list(challenge.factors) == [auth_pb.SECOND_FACTOR_TOTP]
    assert len(challenge.challenge_token) == 43
    answered = await mona.answer(challenge.challenge_token, totp_code=mona.next_code())
    await mona.auth.account(answered.tokens.access_token)
    assert await mona.auth.kinds() == [
        "user_registered", "session_started", "factor_added", "session_started",
    ]  # fmt: skip
    row = await mona.auth.pool.fetchrow("SELECT methods, level FROM sessions ORDER BY session_id DESC LIMIT 1")
    assert row is not None
    assert tuple(row) == (1 | 4, 2)


async def test_arabic_digits_are_the_same_code(mona: Factors) -> None:
    await mona.add_totp()
    arabic = mona.next_code().translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert (await mona.answer((await mona.challenge()).challenge_token, totp_code=arabic)).user_id


async def test_a_code_works_once(mona: Factors) -> None:
    await mona.add_totp()
    first, second = await mona.challenge(), await mona.challenge()
    with refused(DENIED, "FACTOR_INVALID"):
        # It confirmed the app.
        await mona.answer(first.challenge_token, totp_code=mona.code())
    code = mona.next_code()
    await mona.answer(first.challenge_token, totp_code=code)
    with refused(DENIED, "CHALLENGE_EXPIRED"):
        await mona.answer(first.challenge_token, totp_code=code)
    with refused(DENIED, "FACTOR_INVALID"):
        await mona.answer(second.challenge_token, totp_code=code)
    with refused(DENIED, "FACTOR_INVALID"):
        await mona.answer(second.challenge_token, totp_code=mona.code(-1))
    await mona.answer(second.challenge_token, totp_code=mona.code(+1))


async def test_of_racers_with_one_code_one_gets_in(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock) as one, running(auth_database, clock) as other:
        mona = Factors(one)
        await mona.register()
        await mona.add_totp()
        stubs = mona, Factors(other)
        challenges = [(await mona.challenge()).challenge_token for _ in range(4)]
        code = mona.next_code()
        results = await asyncio.gather(
            *(stubs[n % 2].answer(challenges[n % 4], totp_code=code) for n in range(12)), return_exceptions=True
        )
        assert sum(not isinstance(result, BaseException) for result in results) == 1
        assert (await one.kinds()).count("session_started") == 2


async def test_a_thousand_guesses_at_once_evaluate_five(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock) as one, running(auth_database, clock) as other:
        mona = Factors(one)
        await mona.register()
        await mona.add_totp()
        clock.advance(60)
        token, stubs = (await mona.challenge()).challenge_token, (mona, Factors(other))

        async def guess(number: int) -> str:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stubs[number % 2].answer(token, totp_code=mona.wrong_code(number))
            return read_refusal(caught.value).reason

        reasons = [reason for start in range(0, 1000, 250) for reason in await asyncio.gather(
            *(guess(start + number) for number in range(250))
        )]  # fmt: skip
        assert (reasons.count("FACTOR_INVALID"), reasons.count("CHALLENGE_EXPIRED")) == (5, 995)
        with refused(DENIED, "CHALLENGE_EXPIRED"):
            await mona.answer(token, totp_code=mona.code())


async def test_over_all_challenges_an_account_takes_twenty_guesses_a_day(mona: Factors) -> None:
    await mona.add_totp()
    codes = await new_codes(mona)
    for _ in range(4):
        token = (await mona.challenge()).challenge_token
        for _ in range(5):
            with refused(DENIED, "FACTOR_INVALID"):
                await mona.answer(token, totp_code=mona.wrong_code())
    token = (await mona.challenge()).challenge_token
    for answer in ({"totp_code": mona.next_code()}, {"recovery_code": codes[0]}):
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED") as said:
            await mona.answer(token, DEVICE, **answer)
        assert 0 < said.retry_after_ms <= 86_400_000
    mona.auth.clock.advance(86_400)
    assert (await mona.answer((await mona.challenge()).challenge_token, totp_code=mona.code())).user_id


async def new_codes(mona: Factors) -> list[str]:
    await mona.step_up(totp_code=mona.next_code())
    return await mona.recovery_codes()


async def test_a_challenge_is_of_its_device_and_ends_after_five_minutes(mona: Factors) -> None:
    await mona.add_totp()
    challenge = await mona.challenge()
    code = mona.next_code()
    for device in (auth_pb.Device(), auth_pb.Device(device_id="another-device-of-mine")):
        with refused(DENIED, "CHALLENGE_EXPIRED"):
            await mona.answer(challenge.challenge_token, device, totp_code=code)
    for token in ("", "A" * 43, "A" * 100_000):
        with refused(DENIED, "CHALLENGE_EXPIRED"):
            await mona.answer(token, totp_code=code)
    mona.auth.clock.advance(270)
    with refused(DENIED, "CHALLENGE_EXPIRED"):
        await mona.answer(challenge.challenge_token, totp_code=mona.code())


@pytest.mark.parametrize(
    "answer",
    [{"totp_code": "12345"}, {"recovery_code": "abc"}, {"passkey_assertion": "[" * 9999}, {"password": "x" * 9}, {}],
)
async def test_what_is_no_answer_costs_no_try(mona: Factors, answer: dict[str, str]) -> None:
    await mona.add_totp()
    challenge = await mona.challenge()
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"):
        await mona.answer(challenge.challenge_token, DEVICE, **answer)
    assert await mona.auth.pool.fetchval("SELECT tries FROM challenges") == 0


async def test_recovery_codes_work_once_and_only_as_the_second_factor(mona: Factors) -> None:
    await mona.add_totp()
    codes = await new_codes(mona)
    assert len(set(codes)) == 10
    challenge = await mona.challenge()
    assert list(challenge.factors) == [auth_pb.SECOND_FACTOR_TOTP, auth_pb.SECOND_FACTOR_RECOVERY_CODE]
    typed = f" {codes[0].lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} "
    answered = await mona.answer(challenge.challenge_token, recovery_code=typed)
    assert answered.recovery_codes_left == 9
    with refused(DENIED, "FACTOR_INVALID"):
        await mona.answer((await mona.challenge()).challenge_token, recovery_code=codes[0])
    assert (await mona.auth.kinds())[-4:] == [
        "factor_added", "recovery_codes_created", "recovery_code_used", "session_started",
    ]  # fmt: skip
    newer = await mona.recovery_codes()
    with refused(DENIED, "FACTOR_INVALID"):
        await mona.answer((await mona.challenge()).challenge_token, recovery_code=codes[1])
    await mona.answer((await mona.challenge()).challenge_token, recovery_code=newer[1])
    with refused(DENIED, "CREDENTIALS_INVALID"):
        await mona.sign_in(password=newer[2])


async def test_nothing_secret_is_stored_readable(mona: Factors) -> None:
    await mona.add_totp()
    codes = await new_codes(mona)
    token = (await mona.challenge()).challenge_token
    stored = ""
    for table in ("totp_factors", "recovery_codes", "challenges", "events"):
        stored += str(await mona.auth.pool.fetch(f"SELECT t::text FROM {table} t"))
    sealed = await mona.auth.pool.fetchval("SELECT secret_sealed FROM totp_factors")
    user_id = await mona.auth.pool.fetchval("SELECT user_id FROM accounts")
    secret = FactorMint(KEK).open_secret(user_id, sealed)
    for each in (secret, mona.secret.encode(), token.encode(), *(code.encode() for code in codes)):
        assert each.hex() not in stored
    for text in (mona.secret, token, *codes):
        assert text not in stored
    with pytest.raises(ValueError, match="another account"):
        FactorMint(KEK).open_secret(user_id + 1, sealed)


async def test_a_second_app_is_refused_and_confirming_again_is_no_error(mona: Factors) -> None:
    with refused(DENIED, "CHALLENGE_EXPIRED"):
        await mona.call("ConfirmTotp", pb.ConfirmTotpRequest(code="123456"))
    await mona.call("BeginTotp", pb.BeginTotpRequest())
    factor_id = await mona.add_totp()
    await mona.step_up(totp_code=mona.next_code())
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "FACTOR_LIMIT_REACHED"):
        await mona.call("BeginTotp", pb.BeginTotpRequest())
    again = await mona.call("ConfirmTotp", pb.ConfirmTotpRequest(code=mona.code()))
    assert again.factor_id == factor_id
    assert (await mona.auth.kinds()).count("factor_added") == 1


async def test_a_secret_not_confirmed_in_ten_minutes_is_none(mona: Factors) -> None:
    begun = await mona.call("BeginTotp", pb.BeginTotpRequest())
    mona.secret = begun.secret
    assert (await mona.sign_in()).HasField("tokens")
    with refused(DENIED, "FACTOR_INVALID"):
        await mona.call("ConfirmTotp", pb.ConfirmTotpRequest(code=mona.wrong_code()))
    mona.auth.clock.advance(590)
    await mona.step_up(password="long enough")
    mona.auth.clock.advance(10)
    with refused(DENIED, "CHALLENGE_EXPIRED"):
        await mona.call("ConfirmTotp", pb.ConfirmTotpRequest(code=mona.code()))


async def test_a_repeated_registration_does_not_get_round_the_factor(mona: Factors) -> None:
    assert (await mona.auth.register(PHONE)).user_id
    await mona.add_totp()
    with refused(grpc.StatusCode.ALREADY_EXISTS, "ACCOUNT_EXISTS"):
        await mona.auth.register(PHONE)


async def test_the_database_itself_opens_no_weak_session(mona: Factors) -> None:
    await mona.add_totp()
    insert = """
        INSERT INTO sessions (session_id, user_id, started_at, expires_at, methods, level, proved_at, last_seen_at)
        SELECT 1, user_id, now(), now(), 1, 1, now(), now() FROM accounts
    """
    with pytest.raises(Exception, match="second factor"):
        await mona.auth.pool.execute(insert)


async def test_whoever_only_claims_a_phone_cannot_lock_its_owner_out(mona: Factors) -> None:
    claimant = Factors(mona.auth)
    claimant.access = (await mona.auth.register("01112345678")).tokens.access_token
    for method, request in (
        ("BeginTotp", pb.BeginTotpRequest()),
        ("ConfirmTotp", pb.ConfirmTotpRequest(code="123456")),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await claimant.call(method, request)
        assert read_refusal(caught.value).reason in {"PHONE_NOT_PROVED", "CHALLENGE_EXPIRED"}
    assert await mona.auth.pool.fetchval("SELECT count(*) FROM totp_factors") == 0
