"""Guessing passwords: what strangers may try on a name, from a network, and what they cannot take from its owner."""

from __future__ import annotations

import asyncio
from collections import Counter

import argon2
import grpc
import pytest

from services.auth.adapters.postgres.accounts import PostgresAccounts
from services.auth.domain.identifier import Identifier
from tests.fakes.clock import FixedClock
from tests.integration.auth.codes import Codes
from tests.integration.auth.server import Running, read_refusal, refused, running

PHONE = "٠١٠٠١٢٣٤٥٦٧"
E164 = "+201001234567"
OWN_DEVICE = "telephone-of-the-owner"
NEW_DEVICE = "new-phone-of-the-owner"
LIMIT = 10
NETWORK_LIMIT = 100
BUSY = grpc.StatusCode.RESOURCE_EXHAUSTED
DENIED = grpc.StatusCode.UNAUTHENTICATED
# Below what the server takes at once.
AT_ONCE = 400


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were compared with a hash."""
    compared: list[str] = []
    verify = argon2.PasswordHasher.verify

    def spy(self: argon2.PasswordHasher, hashed: str, password: str) -> bool:
        compared.append(password)
        return bool(verify(self, hashed, password))

    monkeypatch.setattr(argon2.PasswordHasher, "verify", spy)
    return compared


async def attack(auth: Running, name: str, guesses: int, *, networks: int = 250) -> Counter[str]:
    """Wrong passwords all at once, from as many devices, in as many networks; how many ended how."""
    room = asyncio.Semaphore(AT_ONCE)

    async def guess(number: int) -> str:
        address = f"197.{number // 250}.{number % networks}.7"
        async with room:
            try:
                await auth.sign_in(name, f"تخمين رقم {number}", device=f"device-of-stranger-{number}", address=address)
            except grpc.aio.AioRpcError as error:
                return read_refusal(error).reason
        return "IN"

    return Counter(await asyncio.gather(*(guess(number) for number in range(guesses))))


@pytest.mark.parametrize("known", [True, False])
async def test_of_a_thousand_parallel_guesses_exactly_the_limit_is_evaluated(
    auth: Running, evaluated: list[str], *, known: bool
) -> None:
    if known:
        await auth.register(PHONE)
    assert await attack(auth, PHONE, 1000) == {"CREDENTIALS_INVALID": LIMIT, "OVERLOADED": 1000 - LIMIT}
    assert len(evaluated) == LIMIT


async def test_strangers_at_full_tilt_do_not_stop_a_device_that_the_name_knows(auth: Running) -> None:
    await auth.register(PHONE)
    await auth.sign_in(PHONE, device=OWN_DEVICE, address="41.32.1.7")
    attacking = asyncio.create_task(attack(auth, PHONE, 600, networks=1))
    for number in range(20):
        # Even from a network that the attackers have used up.
        await auth.sign_in(PHONE, device=OWN_DEVICE, address=("41.32.1.7", "197.0.0.7")[number % 2])
    assert (await attacking)["IN"] == 0
    with refused(BUSY, "OVERLOADED"):
        await auth.sign_in(PHONE, device=NEW_DEVICE, address="41.32.1.7")


async def test_a_known_device_has_a_limit_of_its_own(auth: Running, evaluated: list[str]) -> None:
    await auth.register(PHONE)
    await auth.sign_in(PHONE, device=OWN_DEVICE)
    evaluated.clear()
    for number in range(LIMIT):
        with refused(DENIED, "CREDENTIALS_INVALID"):
            await auth.sign_in(PHONE, f"wrong {number}", device=OWN_DEVICE)
    with refused(BUSY, "OVERLOADED"):
        await auth.sign_in(PHONE, device=OWN_DEVICE)
    assert len(evaluated) == LIMIT
    # Whoever holds the phone keeps nobody else out.
    await auth.sign_in(PHONE, device=NEW_DEVICE)


async def test_the_device_of_another_account_is_a_stranger(auth: Running) -> None:
    await auth.register(PHONE)
    await auth.register("mallory@example.com")
    await auth.sign_in("mallory@example.com", device=OWN_DEVICE)
    await attack(auth, PHONE, LIMIT)
    with refused(BUSY, "OVERLOADED"):
        await auth.sign_in(PHONE, device=OWN_DEVICE)


async def test_an_owner_on_a_new_phone_in_a_new_network_gets_in_by_a_code_while_under_attack(auth: Running) -> None:
    codes = Codes(auth)
    await codes.sign_in(PHONE)
    attacking = asyncio.create_task(attack(auth, PHONE, 400))
    auth.clock.advance(60)
    flow = await codes.send(PHONE, device=NEW_DEVICE, network="41.33.9.9")
    proved = await codes.redeem(flow.flow_token, await codes.received(E164), device=NEW_DEVICE)
    assert not proved.is_new_account
    assert (await attacking)["IN"] == 0


async def test_after_a_code_the_password_works_from_the_new_phone_too(auth: Running) -> None:
    codes = Codes(auth)
    made = await auth.register(PHONE)
    await auth.pool.execute("UPDATE accounts SET phone_proved_at = created_at WHERE user_id = $1", made.user_id)
    await attack(auth, PHONE, 50)
    with refused(BUSY, "OVERLOADED"):
        await auth.sign_in(PHONE, device=NEW_DEVICE)
    flow = await codes.send(PHONE, device=NEW_DEVICE)
    await codes.redeem(flow.flow_token, await codes.received(E164), device=NEW_DEVICE)
    await auth.sign_in(PHONE, device=NEW_DEVICE)


async def test_waits_double_up_to_a_cap_and_nobody_is_shut_out_for_good(auth: Running) -> None:
    await auth.register(PHONE)
    await attack(auth, PHONE, LIMIT)
    waits_s = []
    for number in range(8):
        with refused(BUSY, "OVERLOADED") as said:
            await auth.sign_in(PHONE)
        wait_ms = said.retry_after_ms or 0
        waits_s.append(wait_ms / 1000)
        auth.clock.advance(wait_ms / 1000 + 0.001)
        with refused(DENIED, "CREDENTIALS_INVALID"):
            await auth.sign_in(PHONE, f"later guess {number}")
    assert waits_s == [56.25, 112.5, 225, 450, 900, 900, 900, 900]
    auth.clock.advance(900.001)
    await auth.sign_in(PHONE)
    # The right one forgot the wrong ones.
    assert (await attack(auth, PHONE, LIMIT))["CREDENTIALS_INVALID"] == LIMIT


async def test_pausing_gains_a_guesser_nothing(auth: Running, evaluated: list[str]) -> None:
    await attack(auth, PHONE, LIMIT)
    for _ in range(3):
        auth.clock.advance(3600)
        assert (await attack(auth, PHONE, 5))["CREDENTIALS_INVALID"] == 1
    auth.clock.advance(9000)
    assert (await attack(auth, PHONE, 2 * LIMIT))["CREDENTIALS_INVALID"] == LIMIT
    assert len(evaluated) == 2 * LIMIT + 3


async def test_a_clock_that_goes_back_shuts_nobody_out_for_longer(auth: Running) -> None:
    await auth.register(PHONE)
    await attack(auth, PHONE, LIMIT + 5)
    auth.clock.advance(-86_400)
    with refused(BUSY, "OVERLOADED") as said:
        await auth.sign_in(PHONE)
    assert (said.retry_after_ms or 0) <= 900_000
    auth.clock.advance(900.001)
    await auth.sign_in(PHONE)


async def test_one_network_spraying_many_names_is_stopped_and_its_neighbours_are_not(
    auth: Running, evaluated: list[str]
) -> None:
    async def spray(number: int) -> str:
        try:
            await auth.sign_in(f"victim{number}@example.com", "كلمة سر شائعة", address=f"197.40.2.{number % 250}")
        except grpc.aio.AioRpcError as error:
            return read_refusal(error).reason
        return "IN"

    said = Counter(await asyncio.gather(*(spray(number) for number in range(300))))
    assert said == {"CREDENTIALS_INVALID": NETWORK_LIMIT, "OVERLOADED": 300 - NETWORK_LIMIT}
    assert len(evaluated) == NETWORK_LIMIT
    await auth.register(PHONE)
    with refused(BUSY, "OVERLOADED"):
        await auth.sign_in(PHONE, address="197.40.2.251")
    # What the network was refused did not count against the name.
    assert (await attack(auth, PHONE, LIMIT))["CREDENTIALS_INVALID"] == LIMIT
    auth.clock.advance(900.001)
    await auth.sign_in(PHONE, address="197.40.2.251")


async def test_right_passwords_are_never_stopped_by_each_other(auth: Running) -> None:
    await auth.register(PHONE)
    async with asyncio.timeout(50):
        await asyncio.gather(*(auth.sign_in(PHONE, address="197.40.3.1") for _ in range(150)))
        await asyncio.gather(*(auth.sign_in(PHONE, device=OWN_DEVICE, address="197.40.3.1") for _ in range(50)))
    # Nor is anything left of them.
    assert await auth.pool.fetchval("SELECT coalesce(sum(used), 0) FROM password_guesses") == 0


async def test_a_guess_whose_call_was_given_up_stays_counted(
    auth_database: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(auth_database, clock, AUTH_SIGN_IN_ATTEMPTS="1") as auth:
        await auth.register(PHONE)
        reached = asyncio.Event()

        async def stuck(_self: PostgresAccounts, _name: Identifier) -> None:
            reached.set()
            await asyncio.Event().wait()

        with monkeypatch.context() as patch:
            patch.setattr(PostgresAccounts, "find", stuck)
            guess = asyncio.ensure_future(auth.sign_in(PHONE, "wrong", device=OWN_DEVICE))
            await reached.wait()
            guess.cancel()
            await asyncio.wait([guess])
        with refused(BUSY, "OVERLOADED"):
            await auth.sign_in(PHONE)
