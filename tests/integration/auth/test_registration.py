"""One person, one account, however the requests race."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from daira.auth.v1 import auth_service_pb2 as pb
from tests.fakes.clock import FixedClock
from tests.integration.auth.server import Running, refused, running

PHONE = "010 0123 4567"
DENIED = grpc.StatusCode.UNAUTHENTICATED


async def test_a_registered_person_signs_in_in_any_spelling(auth: Running) -> None:
    made = await auth.register(PHONE)
    for spelling in ("+201001234567", "٠١٠٠١٢٣٤٥٦٧", "0020 100 123 4567"):
        assert (await auth.sign_in(spelling)).user_id == made.user_id
    account = await auth.account(made.tokens.access_token)
    assert (account.user_id, account.masked_phone, account.masked_email) == (made.user_id, "+2010*****67", "")
    assert await auth.kinds() == ["user_registered", *["session_started"] * 4]


async def test_an_email_is_one_name_whatever_the_case_of_its_domain(auth: Running) -> None:
    made = await auth.register("Mona@Example.COM")
    assert (await auth.sign_in("Mona@example.com")).user_id == made.user_id
    assert (await auth.account(made.tokens.access_token)).masked_email == "M***@example.com"


async def test_the_same_request_again_is_the_same_account_in_a_fresh_session(auth: Running) -> None:
    first = await auth.register(PHONE, key="k")
    again = await auth.register("+20 100 123 4567", key="k")
    assert again.user_id == first.user_id
    assert again.tokens.refresh_token != first.tokens.refresh_token
    assert (await auth.account(again.tokens.access_token)).user_id == first.user_id
    assert await auth.pool.fetchval("SELECT count(*) FROM accounts") == 1
    assert (await auth.kinds()).count("user_registered") == 1


async def test_the_key_with_another_password_is_refused(auth: Running) -> None:
    await auth.register(PHONE, "long enough", key="k")
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED"):
        await auth.register(PHONE, "another one", key="k")


async def test_another_key_meets_an_existing_account(auth: Running) -> None:
    await auth.register(PHONE, key="k")
    with refused(grpc.StatusCode.ALREADY_EXISTS, "ACCOUNT_EXISTS"):
        await auth.register(PHONE, key="other")


async def test_a_day_later_the_key_is_forgotten(auth: Running) -> None:
    await auth.register(PHONE, key="k")
    auth.clock.advance(86_401)
    with refused(grpc.StatusCode.ALREADY_EXISTS, "ACCOUNT_EXISTS"):
        await auth.register(PHONE, key="k")


async def test_the_key_is_no_way_around_the_limit_on_guesses(auth: Running) -> None:
    await auth.register(PHONE, key="k")
    for number in range(10):
        with refused(grpc.StatusCode.FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED"):
            await auth.register(PHONE, f"guess {number} ...", key="k")
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"):
        await auth.register(PHONE, key="k")


async def test_two_people_may_use_the_same_key(auth: Running) -> None:
    first = await auth.register("01001234567", key="k")
    second = await auth.register("01001234568", key="k")
    assert first.user_id != second.user_id


async def test_of_racing_registrations_with_different_keys_one_wins(auth: Running) -> None:
    results = await asyncio.gather(*(auth.register(PHONE, key=f"k{n}") for n in range(12)), return_exceptions=True)
    made = [result for result in results if isinstance(result, pb.RegisterResponse)]
    assert len(made) == 1
    assert {error.code() for error in results if isinstance(error, grpc.aio.AioRpcError)} == {
        grpc.StatusCode.ALREADY_EXISTS
    }
    assert await auth.pool.fetchval("SELECT count(*) FROM accounts") == 1
    assert await auth.kinds() == ["user_registered", "session_started"]


async def test_racing_repeats_of_one_request_all_get_the_account(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock, AUTH_SIGN_IN_ATTEMPTS="100") as auth:
        results = await asyncio.gather(*(auth.register(PHONE, key="k") for _ in range(12)))
        assert len({result.user_id for result in results}) == 1
        assert len({result.tokens.refresh_token for result in results}) == 12
        assert (await auth.kinds()).count("user_registered") == 1
        assert await auth.pool.fetchval("SELECT count(*) FROM sessions") == 12


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.RegisterRequest(password="long enough", idempotency_key="k"), "identifier"),
        (pb.RegisterRequest(identifier=pb.Identifier(phone=PHONE), password="short", idempotency_key="k"), "password"),
        (pb.RegisterRequest(identifier=pb.Identifier(phone=PHONE), password="long enough"), "idempotency_key"),
        (
            pb.RegisterRequest(identifier=pb.Identifier(phone=PHONE), password="long enough", idempotency_key="k" * 65),
            "idempotency_key",
        ),
        (
            pb.RegisterRequest(
                identifier=pb.Identifier(phone="01301234567"), password="long enough", idempotency_key="k"
            ),
            "identifier.phone",
        ),
    ],
)
async def test_bad_requests_name_their_field(auth: Running, request_: pb.RegisterRequest, field: str) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID") as said:
        await auth.stub.Register(request_)
    assert said.details.startswith(f"{field}: ")
    assert await auth.pool.fetchval("SELECT count(*) FROM accounts") == 0
