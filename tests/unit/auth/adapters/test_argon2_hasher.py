"""Hashing is bounded, costs the same for nobody, and does not hold the loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

import argon2
import pytest

from services.auth.adapters.argon2_hasher import Argon2Hasher, HashingSettings, hash_password
from services.chassis.errors import AppError, ErrorKind

CHEAP = HashingSettings(memory_kib=64, time_cost=1, threads=1, queue=2)


@pytest.fixture
def hasher() -> Iterator[Argon2Hasher]:
    made = Argon2Hasher(CHEAP)
    yield made
    made.close()


async def test_a_hash_says_its_parameters_and_checks_its_password() -> None:
    hasher = Argon2Hasher(HashingSettings())
    hashed = await hasher.hash("correct horse")
    hasher.close()
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await _check(hashed, "correct horse") == (True, False)
    assert hash_password("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def _check(hashed: str, password: str) -> tuple[bool, bool]:
    hasher = Argon2Hasher(HashingSettings())
    try:
        return await hasher.verify(hashed, password), await hasher.verify(hashed, password + "!")
    finally:
        hasher.close()


async def test_other_parameters_are_outdated(hasher: Argon2Hasher) -> None:
    assert not hasher.is_outdated(await hasher.hash("password"))
    assert hasher.is_outdated(argon2.PasswordHasher(time_cost=2, memory_cost=64, parallelism=1).hash("password"))


async def test_nobody_costs_a_verification_of_equal_parameters(
    hasher: Argon2Hasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    verify = argon2.PasswordHasher.verify

    def spy(self: argon2.PasswordHasher, hashed: str, password: str) -> bool:
        seen.append(hashed)
        return bool(verify(self, hashed, password))

    monkeypatch.setattr(argon2.PasswordHasher, "verify", spy)
    known = await hasher.hash("password")
    assert not await hasher.verify(known, "wrong")
    assert not await hasher.verify(None, "wrong")
    assert argon2.extract_parameters(seen[0]) == argon2.extract_parameters(seen[1])


async def test_a_broken_hash_matches_nothing(hasher: Argon2Hasher) -> None:
    assert not await hasher.verify("not a hash", "password")


async def test_a_full_queue_refuses_at_once_and_recovers(hasher: Argon2Hasher, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(argon2.PasswordHasher, "hash", lambda _self, _password: str(gate.wait(10)))
    running = [asyncio.create_task(hasher.hash("p")) for _ in range(CHEAP.threads + CHEAP.queue)]
    await asyncio.sleep(0)
    with pytest.raises(AppError) as caught:
        await hasher.hash("one too many")
    assert caught.value.kind is ErrorKind.RESOURCE_EXHAUSTED
    assert caught.value.reason == "OVERLOADED"
    assert (caught.value.retry_after_ms or 0) > 0
    # Somebody who waited gives up: the place is free at once.
    running[-1].cancel()
    await asyncio.gather(running[-1], return_exceptions=True)
    await asyncio.sleep(0)
    replacement = asyncio.create_task(hasher.hash("next"))
    await asyncio.sleep(0)
    assert hasher.waiting() == CHEAP.threads + CHEAP.queue
    gate.set()
    assert await asyncio.gather(*running[:-1], replacement) == ["True"] * 3
    await asyncio.sleep(0)
    assert hasher.waiting() == 0


async def test_the_loop_turns_while_a_password_is_hashed() -> None:
    hasher = Argon2Hasher(HashingSettings(threads=1))
    hashing = asyncio.create_task(hasher.hash("password"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    hasher.close()
    assert turns > 20


async def test_a_place_is_held_before_hashing_and_freed_when_its_work_is_over(
    hasher: Argon2Hasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, places = threading.Event(), CHEAP.threads + CHEAP.queue
    monkeypatch.setattr(argon2.PasswordHasher, "verify", lambda _self, _hash, _password: gate.wait(10))
    hashed = await hasher.hash("p")
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(hasher.place()) for _ in range(places)]
        with pytest.raises(AppError) as caught, hasher.place():
            raise AssertionError("one too many was let in")
        assert caught.value.reason == "OVERLOADED"
        # Who has a place is never refused.
        checking = asyncio.create_task(taken[0].verify(hashed, "p"))
        await asyncio.sleep(0.05)
        assert hasher.waiting() == places
        # The caller gives up: the thread is busy all the same.
        checking.cancel()
        await asyncio.gather(checking, return_exceptions=True)
    assert hasher.waiting() == 1
    gate.set()
    async with asyncio.timeout(10):
        while hasher.waiting():  # noqa: ASYNC110 - it is a thread
            await asyncio.sleep(0.01)
