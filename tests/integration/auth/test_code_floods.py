"""Floods of codes: they cost what budgets allow, owners do not notice, and nobody is told who has an account."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import grpc
import pytest

from services.auth.adapters.postgres.sandbox_inbox import read_inbox
from tests.fakes.clock import FixedClock
from tests.integration.auth.codes import E164, PHONE, Codes, code_in
from tests.integration.auth.server import Running, read_refusal, refused, running

BUSY = grpc.StatusCode.RESOURCE_EXHAUSTED
EVERYBODY = 400
OWNERS = 100
AT_ONCE = 100


@pytest.fixture
async def flooded(auth_database: str, clock: FixedClock) -> AsyncIterator[Codes]:
    async with running(auth_database, clock, AUTH_CODES_EVERYBODY_HOUR=str(EVERYBODY)) as auth:
        yield Codes(auth)


async def flood(codes: Codes, count: int) -> Counter[str]:
    """Codes for new numbers of many blocks, asked for from many networks at once; how many ended how."""
    room = asyncio.Semaphore(AT_ONCE)

    async def ask(number: int) -> str:
        async with room:
            try:
                await codes.send(f"0111{number % 50:03d}{number:04d}", network=f"102.{number % 40}.0.1")
            except grpc.aio.AioRpcError as error:
                return read_refusal(error).reason
            return "ANSWERED"

    return Counter(await asyncio.gather(*(ask(number) for number in range(count))))


async def add_owners(auth: Running) -> list[str]:
    phones = [f"+2012{number:08d}" for number in range(OWNERS)]
    await auth.pool.execute(
        "INSERT INTO accounts (phone, register_key, created_at, phone_proved_at) SELECT phone, '', $2, $2"
        " FROM unnest($1::text[]) AS t (phone)",
        phones,
        auth.clock.now(),
    )
    return phones


async def test_a_flood_spends_its_share_and_people_with_accounts_sign_in(flooded: Codes) -> None:
    phones = await add_owners(flooded.auth)
    attack = asyncio.create_task(flood(flooded, 3 * EVERYBODY))
    arrived = 0
    for number, phone in enumerate(phones):
        flow = await flooded.send(phone, network=f"41.{number}.0.1")
        code = await flooded.received(phone)
        arrived += (await flooded.redeem(flow.flow_token, code)).user_id > 0
    outcomes = await attack
    while await flooded.sender().deliver_due():
        pass
    sent = await flooded.auth.pool.fetchval("SELECT count(*) FROM sandbox_inbox WHERE phone LIKE '+2011%'")
    assert arrived >= 0.99 * OWNERS
    assert sent == EVERYBODY // 2
    assert outcomes["ANSWERED"] > sent, "what is withheld is answered like what is sent"
    assert await flooded.auth.pool.fetchval("SELECT count(*) FROM sandbox_inbox") <= EVERYBODY


async def test_even_proved_numbers_cost_no_more_than_their_share(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock, AUTH_CODES_EVERYBODY_HOUR="60") as auth:
        codes = Codes(auth)
        for number, phone in enumerate(await add_owners(auth)):
            await codes.send(phone, network=f"41.{number}.0.1")
        assert await auth.pool.fetchval("SELECT count(*) FROM code_messages") == 30


async def test_nobody_can_tell_a_proved_number_by_a_share_that_is_spent(flooded: Codes) -> None:
    proved = (await add_owners(flooded.auth))[0]
    await flood(flooded, 3 * EVERYBODY)
    before = await flooded.auth.pool.fetchval("SELECT count(*) FROM code_messages")
    known = await flooded.send(proved, network="41.1.0.1")
    unknown = await flooded.send("01199999999", network="41.2.0.1")
    assert await flooded.auth.pool.fetchval("SELECT count(*) FROM code_messages") == before + 1
    assert (known.expires_at, known.resend_at) == (unknown.expires_at, unknown.resend_at)
    assert len(known.flow_token) == len(unknown.flow_token)
    # The flow behind the answer is a flow: a wrong code is a wrong code.
    said = []
    for flow in (known, unknown):
        with refused(grpc.StatusCode.UNAUTHENTICATED, "CODE_INVALID") as answer:
            await flooded.redeem(flow.flow_token, "٠٠٠٠٠٠")
        said.append(answer.details)
    assert said[0] == said[1]
    # And asking again is too early for both.
    for phone in (proved, "01199999999"):
        with refused(BUSY, "CODE_LIMIT_REACHED"):
            await flooded.send(phone, network="41.3.0.1")


async def test_numbers_side_by_side_are_one_block_and_a_proved_neighbour_is_not_of_it(flooded: Codes) -> None:
    codes = flooded
    neighbour = "+201234560001"
    await codes.auth.pool.execute(
        "INSERT INTO accounts (phone, register_key, created_at, phone_proved_at) VALUES ($1, '', $2, $2)",
        neighbour,
        codes.auth.clock.now(),
    )
    for number in range(100, 190):
        await codes.send(f"01234560{number}", network=f"102.{number}.0.1")
    assert await codes.auth.pool.fetchval("SELECT count(*) FROM code_messages") == 60
    flow = await codes.send(neighbour, network="41.9.0.1")
    assert (await codes.redeem(flow.flow_token, await codes.received(neighbour))).user_id > 0


@pytest.mark.parametrize(("is_familiar", "a_day"), [(True, 10), (False, 8)])
async def test_a_number_gets_ten_codes_a_day_and_eight_for_strangers(
    flooded: Codes, a_day: int, *, is_familiar: bool
) -> None:
    if is_familiar:
        await flooded.sign_in()
        flooded.auth.clock.advance(86_400)
    sent = 0
    for minute in range(24 * 60):
        if minute % 10 == 0:
            try:
                await flooded.send(PHONE)
                sent += 1
            except grpc.aio.AioRpcError as error:
                said = read_refusal(error)
                assert said.reason == "CODE_LIMIT_REACHED"
                assert 0 < (said.retry_after_ms or 0) <= 86_400_000
        flooded.auth.clock.advance(60)
    assert sent == a_day


async def test_a_network_has_its_own_budget(flooded: Codes) -> None:
    for number in range(60):
        await flooded.send(f"0155{number:07d}", network=f"197.5.5.{number}")
    with refused(BUSY, "CODE_LIMIT_REACHED"):
        await flooded.send(PHONE, network="197.5.5.200")
    await flooded.send(PHONE, network="197.5.6.1")
    # What the network was refused cost the number nothing.
    code = await flooded.received(E164)
    assert code_in((await read_inbox(flooded.auth.pool, E164, 1))[0].body) == code


async def test_a_clock_that_was_ahead_closes_no_budget_for_longer(flooded: Codes) -> None:
    await flooded.send(PHONE)
    flooded.auth.clock.advance(-7 * 86_400)
    with refused(BUSY, "CODE_LIMIT_REACHED") as said:
        await flooded.send(PHONE)
    assert (said.retry_after_ms or 0) <= 86_400_000
