"""A number's codes are not one stranger's to use up: shares by network and device, and a reserve for its owner."""

from __future__ import annotations

import asyncio
from collections import Counter

import grpc
import pytest

from tests.fakes.clock import FixedClock
from tests.integration.auth.codes import E164, PHONE, Codes
from tests.integration.auth.server import Running, read_refusal, refused, running

BUSY = grpc.StatusCode.RESOURCE_EXHAUSTED
UNKNOWN = "01112345678"
STRANGER = "197.5.5.{}"
HOME = "41.9.9.1"


@pytest.fixture
def codes(auth: Running) -> Codes:
    return Codes(auth)


def device(number: int) -> str:
    return f"another-device-{number:04d}"


async def ask(codes: Codes, count: int, *, phone: str = PHONE, network: str = STRANGER, first: int = 0) -> list[int]:
    """Ask so often, a minute apart, each time from another device; for each 0, or how many milliseconds to wait."""
    waits = []
    for number in range(first, first + count):
        codes.auth.clock.advance(61)
        try:
            await codes.send(phone, device=device(number), network=network.format(number))
            waits.append(0)
        except grpc.aio.AioRpcError as error:
            said = read_refusal(error)
            assert (said.code, said.reason) == (BUSY, "CODE_LIMIT_REACHED")
            waits.append(said.retry_after_ms or 0)
    return waits


async def test_one_network_takes_three_of_a_numbers_five_whatever_devices_it_names(codes: Codes) -> None:
    waits = await ask(codes, 5)
    # The window began with the first code.
    assert waits == [0, 0, 0, 3_600_000 - 3 * 61_000, 3_600_000 - 4 * 61_000]
    # Whoever holds the phone is on another network, with a phone that is new.
    await codes.received()
    codes.auth.clock.advance(61)
    flow = await codes.send(device="a-new-phone-of-mona", network=HOME)
    answer = await codes.redeem(flow.flow_token, await codes.received(), device="a-new-phone-of-mona")
    assert answer.user_id
    codes.auth.clock.advance(3_600)
    assert await ask(codes, 1) == [0]


async def test_one_device_takes_three_whatever_networks_it_is_on(codes: Codes) -> None:
    for number in range(3):
        codes.auth.clock.advance(61)
        await codes.send(network=f"197.5.{number}.1")
    codes.auth.clock.advance(61)
    with refused(BUSY, "CODE_LIMIT_REACHED") as said:
        await codes.send(network="197.5.9.1")
    assert said.retry_after_ms == 3_600_000 - 3 * 61_000
    await codes.send(device=device(1), network="197.5.9.1")


async def test_strangers_from_everywhere_leave_one_for_a_device_that_the_account_knows(codes: Codes) -> None:
    await codes.sign_in()
    codes.auth.clock.advance(3_600)
    waits = await ask(codes, 8, network="102.{}.0.1")
    assert [wait == 0 for wait in waits] == [True] * 4 + [False] * 4
    await codes.received()
    codes.auth.clock.advance(61)
    assert (await codes.sign_in()).user_id
    # And that was the number's last: what may be sent to it has not grown.
    codes.auth.clock.advance(61)
    with refused(BUSY, "CODE_LIMIT_REACHED"):
        await codes.send()


async def test_a_known_device_may_use_all_five_from_one_network(codes: Codes) -> None:
    await codes.sign_in()
    codes.auth.clock.advance(3_600)
    for _ in range(5):
        codes.auth.clock.advance(61)
        await codes.send(network=HOME)
    codes.auth.clock.advance(61)
    with refused(BUSY, "CODE_LIMIT_REACHED"):
        await codes.send(network=HOME)


async def test_a_device_is_known_to_its_own_account_only(codes: Codes) -> None:
    await codes.sign_in()
    codes.auth.clock.advance(3_600)
    for _ in range(3):
        codes.auth.clock.advance(61)
        await codes.send(UNKNOWN, network=HOME)
    codes.auth.clock.advance(61)
    with refused(BUSY, "CODE_LIMIT_REACHED"):
        await codes.send(UNKNOWN, network=HOME)


async def test_strangers_cannot_tell_numbers_with_an_account_by_what_is_left(codes: Codes) -> None:
    """From the network of the owner's last session too: neighbours share networks."""
    flow = await codes.send(network=HOME)
    await codes.redeem(flow.flow_token, await codes.received())
    codes.auth.clock.advance(7_200)
    said = []
    for phone in (PHONE, UNKNOWN):
        here = await ask(codes, 4, phone=phone, network=HOME, first=100)
        elsewhere = await ask(codes, 4, phone=phone, network="102.{}.0.1", first=200)
        said.append((here, elsewhere))
    assert said[0] == said[1]


async def test_refusals_cost_nothing(codes: Codes) -> None:
    await ask(codes, 3)
    waits = [wait for wait in await ask(codes, 20, first=3) if wait]
    assert len(waits) == 20
    # The number has two left, and strangers elsewhere one of them.
    assert [wait == 0 for wait in await ask(codes, 2, network="102.{}.0.1", first=50)] == [True, False]


async def test_at_once_and_through_two_replicas_a_network_takes_its_share(
    auth_database: str, clock: FixedClock
) -> None:
    limits = {"AUTH_CODES_NUMBER_MINUTE": "100"}
    async with running(auth_database, clock, **limits) as one, running(auth_database, clock, **limits) as other:
        codes = Codes(one), Codes(other)

        async def send(number: int, network: str) -> str:
            try:
                await codes[number % 2].send(device=device(number), key=f"key-of-{number}", network=network)
            except grpc.aio.AioRpcError as error:
                return read_refusal(error).reason
            return "SENT"

        flood = Counter(await asyncio.gather(*(send(number, STRANGER.format(number)) for number in range(100))))
        assert flood == {"SENT": 3, "CODE_LIMIT_REACHED": 97}
        others = Counter(await asyncio.gather(*(send(number, f"102.{number % 90}.0.1") for number in range(100, 200))))
        assert others == {"SENT": 1, "CODE_LIMIT_REACHED": 99}
        assert await one.pool.fetchval("SELECT count(*) FROM code_messages") == 4
        received = await codes[0].received(E164)
        assert len(received) == 6
