"""Sign-ins by passkey name nobody, so only networks bound how many are begun: each has its share, and pays alone."""

from __future__ import annotations

import asyncio
from collections import Counter

import grpc

from daira.auth.v1 import challenges_pb2, factor_service_pb2_grpc
from tests.fakes.clock import FixedClock
from tests.integration.auth.server import Running, read_refusal, refused, running

LIMIT = {"AUTH_NETWORK_PASSKEY_BEGINS": "5"}


async def begin(auth: Running, network: str) -> str:
    """The token, or why there is none."""
    stub = factor_service_pb2_grpc.FactorServiceStub(auth.channel)
    metadata = [("x-forwarded-for", network)] if network else []
    begun = await stub.BeginPasskeySignIn(challenges_pb2.BeginPasskeySignInRequest(), metadata=metadata)
    return str(begun.ceremony_token)


async def test_a_network_begins_so_many_and_the_next_one_too(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock, **LIMIT) as auth:
        assert len({await begin(auth, f"197.5.5.{number}") for number in range(5)}) == 5
        clock.advance(100)
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED") as said:
            await begin(auth, "197.5.5.200")
        assert said.retry_after_ms == 800_000
        # What was refused left nothing behind.
        assert await auth.pool.fetchval("SELECT count(*) FROM challenges") == 5
        await begin(auth, "197.5.6.1")
        clock.advance(800)
        await begin(auth, "197.5.5.200")


async def test_at_once_through_two_replicas_it_is_the_same_share(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock, **LIMIT) as one, running(auth_database, clock, **LIMIT) as other:

        async def attempt(number: int) -> str:
            try:
                return "BEGUN" if await begin((one, other)[number % 2], f"197.5.5.{number}") else ""
            except grpc.aio.AioRpcError as error:
                return read_refusal(error).reason

        said = Counter(await asyncio.gather(*(attempt(number) for number in range(60))))
        assert said == {"BEGUN": 5, "OVERLOADED": 55}


async def test_who_comes_from_no_known_network_is_not_counted_with_others(
    auth_database: str, clock: FixedClock
) -> None:
    async with running(auth_database, clock, **LIMIT) as auth:
        for _ in range(8):
            await begin(auth, "")
        assert await auth.pool.fetchval("SELECT count(*) FROM code_budgets") == 0
