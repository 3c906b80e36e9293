"""Passwords: the same answer for everyone, and no more guesses than allowed, however parallel."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

import argon2
import grpc
import pytest

from daira.auth.v1 import auth_service_pb2 as pb
from tests.fakes.clock import FixedClock
from tests.integration.auth.server import Running, bearer, read_refusal, refused, running

PHONE = "01001234567"
LIMIT = 10
DENIED = grpc.StatusCode.UNAUTHENTICATED
BUSY = grpc.StatusCode.RESOURCE_EXHAUSTED


async def outcomes(auth: Running, name: str, count: int) -> Counter[str]:
    results = await asyncio.gather(
        *(auth.sign_in(name, f"wrong guess {number}") for number in range(count)), return_exceptions=True
    )
    return Counter(read_refusal(error).reason for error in results if isinstance(error, grpc.aio.AioRpcError))


async def test_known_and_unknown_names_get_one_answer(auth: Running) -> None:
    await auth.register(PHONE)
    said = []
    for name in (PHONE, "01001234568", "nobody@example.com"):
        with refused(DENIED, "CREDENTIALS_INVALID") as answer:
            await auth.sign_in(name, "wrong password")
        said.append(answer.details)
    assert len(set(said)) == 1


@pytest.mark.parametrize("known", [True, False])
async def test_of_parallel_guesses_exactly_the_limit_is_evaluated(
    auth: Running, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    if known:
        await auth.register(PHONE)
    evaluated: list[str] = []
    verify = argon2.PasswordHasher.verify

    def spy(self: argon2.PasswordHasher, hashed: str, password: str) -> bool:
        evaluated.append(password)
        return bool(verify(self, hashed, password))

    monkeypatch.setattr(argon2.PasswordHasher, "verify", spy)
    assert await outcomes(auth, PHONE, 60) == {"CREDENTIALS_INVALID": LIMIT, "OVERLOADED": 60 - LIMIT}
    assert len(evaluated) == LIMIT


async def test_a_success_forgets_the_wrong_attempts(auth: Running) -> None:
    await auth.register(PHONE)
    for _ in range(3):
        await outcomes(auth, PHONE, LIMIT - 1)
        await auth.sign_in(PHONE)


async def test_one_name_throttled_leaves_others_alone(auth: Running) -> None:
    await auth.register(PHONE)
    await auth.register("mona@example.com")
    await outcomes(auth, PHONE, LIMIT + 1)
    await auth.sign_in("mona@example.com")


async def test_a_full_queue_says_overloaded_and_costs_no_attempt(
    auth_database: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"AUTH_HASHING_THREADS": "1", "AUTH_HASHING_QUEUE": "1", "AUTH_SIGN_IN_ATTEMPTS": "5"}
    async with running(auth_database, clock, **settings) as auth:
        made = await auth.register(PHONE)
        gate = threading.Event()
        verify = argon2.PasswordHasher.verify

        def slow(self: argon2.PasswordHasher, hashed: str, password: str) -> bool:
            gate.wait(20)
            return bool(verify(self, hashed, password))

        monkeypatch.setattr(argon2.PasswordHasher, "verify", slow)
        waiting = [asyncio.create_task(auth.sign_in(f"0100123000{n}", "whatever it is")) for n in range(2)]
        while auth.auth.hasher.waiting() < 2:  # noqa: ASYNC110 - a count and no event
            await asyncio.sleep(0.005)
        for _ in range(8):
            with refused(BUSY, "OVERLOADED") as said:
                await auth.sign_in(PHONE)
            assert (said.retry_after_ms or 0) < 10_000
        # Tokens are checked meanwhile: the queue is the passwords' own.
        assert (await auth.account(made.tokens.access_token)).user_id == made.user_id
        gate.set()
        await asyncio.gather(*waiting, return_exceptions=True)
        await auth.sign_in(PHONE)


async def test_a_hash_of_other_parameters_is_renewed(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock) as auth:
        await auth.register(PHONE)
        old = await auth.pool.fetchval("SELECT password_hash FROM accounts")
    async with running(auth_database, clock, AUTH_HASHING_MEMORY_KIB="8192") as auth:
        with refused(DENIED, "CREDENTIALS_INVALID"):
            await auth.sign_in(PHONE, "wrong password")
        assert await auth.pool.fetchval("SELECT password_hash FROM accounts") == old
        await auth.sign_in(PHONE)
        new = await auth.pool.fetchval("SELECT password_hash FROM accounts")
        assert "m=7168," in old
        assert "m=8192," in new
        await auth.sign_in(PHONE)
        assert await auth.pool.fetchval("SELECT password_hash FROM accounts") == new


async def test_sign_out_ends_the_session_once(auth: Running) -> None:
    made = await auth.register(PHONE)
    other = await auth.sign_in(PHONE)
    await auth.sign_out(made.tokens.access_token)
    try:
        await auth.sign_out(made.tokens.access_token)
    except grpc.aio.AioRpcError as error:
        # The word of the end was faster than the repeat.
        assert read_refusal(error).reason == "TOKEN_REVOKED"  # noqa: PT017 - either is right
    with refused(DENIED, "REFRESH_TOKEN_INVALID"):
        await auth.refresh(made.tokens.refresh_token)
    with refused(DENIED, "TOKEN_REVOKED"):
        await auth.account(made.tokens.access_token)
    await auth.account(other.tokens.access_token)
    assert (await auth.kinds()).count("session_ended") == 1


async def test_methods_for_people_need_a_token(auth: Running) -> None:
    with refused(DENIED, "TOKEN_MISSING"):
        await auth.stub.GetAccount(pb.GetAccountRequest())
    with refused(DENIED, "TOKEN_INVALID"):
        await auth.stub.SignOut(pb.SignOutRequest(), metadata=bearer("nonsense"))
