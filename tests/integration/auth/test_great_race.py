"""Ten thousand refreshes race for one family over two auth processes that are killed among them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import grpc
import pytest

from daira.auth.v1 import auth_service_pb2 as pb
from services.auth.domain.session import SessionEnd, SessionLifetimes
from tests.integration.auth.processes import AuthProcess
from tests.integration.auth.server import GOOD, bearer, identifier, read_refusal, refused

ROUNDS = 10
RACERS = 1_000
CONNECTIONS = 4
# What a client sees of a server that dies; everything else is an answer.
LOST = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}


class Race:
    """Two auth processes over one database, and clients that do not give up."""

    def __init__(self, processes: tuple[AuthProcess, AuthProcess]) -> None:
        self.processes = processes
        self.lost = 0

    async def refresh(self, token: str, number: int) -> str:
        """The successor that a client gets, at whichever process answers; anything but a lost call is raised."""
        request = pb.RefreshTokensRequest(refresh_token=token)
        for attempt in itertools.count(number):
            process = self.processes[attempt % 2]
            stub = process.stubs[number // 2 % CONNECTIONS]
            try:
                response: pb.RefreshTokensResponse = await stub.RefreshTokens(request, timeout=20)
            except grpc.aio.AioRpcError as error:
                if error.code() not in LOST:
                    raise
                self.lost += 1
                await asyncio.sleep(0.05)
            else:
                return response.tokens.refresh_token
        raise AssertionError("unreachable")

    async def round(self, token: str, victim: AuthProcess) -> set[str]:
        """The successors that all racers got, with one process killed, and started again, while some have theirs."""
        some = asyncio.Event()
        done = itertools.count(1)

        async def racer(number: int) -> str:
            successor = await self.refresh(token, number)
            if next(done) == RACERS // 20:
                some.set()
            return successor

        async def killer() -> None:
            await some.wait()
            await asyncio.to_thread(victim.kill)
            await victim.start()

        successors, _ = await asyncio.gather(asyncio.gather(*(racer(number) for number in range(RACERS))), killer())
        return set(successors)


@contextlib.asynccontextmanager
async def two_processes(url: str, folder: Path) -> AsyncIterator[Race]:
    """The race, over when the block ends."""
    first, second = (AuthProcess(url, folder / f"auth-{n}.log", CONNECTIONS) for n in range(2))
    try:
        await asyncio.gather(first.start(), second.start())
        yield Race((first, second))
    finally:
        await asyncio.gather(first.close(), second.close())


async def registered(process: AuthProcess) -> pb.TokenPair:
    request = pb.RegisterRequest(identifier=identifier("mona@example.com"), password=GOOD, idempotency_key="key-1")
    response: pb.RegisterResponse = await process.stubs[0].Register(request, timeout=30)
    return response.tokens


@pytest.mark.faults
async def test_ten_thousand_racing_refreshes_leave_one_successor_and_theft_is_found(
    auth_database: str, tmp_path: Path
) -> None:
    database = await asyncpg.connect(auth_database)
    async with two_processes(auth_database, tmp_path) as race:
        first = token = (await registered(race.processes[0])).refresh_token
        first_used = 0.0
        for number in range(ROUNDS):
            victim = race.processes[number % 2]
            successors = await race.round(token, victim)
            first_used = first_used or time.monotonic()
            # Nobody was signed out, and nobody got another successor.
            assert len(successors) == 1, number
            token = successors.pop()
        # The kills hit calls that were under way; else this shows nothing.
        assert race.lost >= ROUNDS
        hashes = await database.fetch("SELECT token_hash FROM refresh_tokens WHERE used_at IS NULL")
        assert [row["token_hash"] for row in hashes] == [hashlib.sha256(token.encode()).digest()]
        assert await database.fetchval("SELECT count(*) FROM refresh_tokens") == ROUNDS + 1
        assert await database.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NULL") == 1
        grace_s = SessionLifetimes().reuse_grace.total_seconds()
        await asyncio.sleep(max(0.0, first_used + grace_s + 0.5 - time.monotonic()))
        await theft_is_found(race, database, stolen=first, current=token)
    await database.close()


async def theft_is_found(race: Race, database: asyncpg.Connection, stolen: str, current: str) -> None:
    """The first replay of a token ends the family, for the thief as for the owner, at both processes."""
    one, other = race.processes
    pair = await other.stubs[0].RefreshTokens(pb.RefreshTokensRequest(refresh_token=current))
    with refused(grpc.StatusCode.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
        await one.stubs[0].RefreshTokens(pb.RefreshTokensRequest(refresh_token=stolen))
    assert [row[0] for row in await database.fetch("SELECT end_cause FROM sessions")] == [
        SessionEnd.REFRESH_TOKEN_REUSED.value
    ]
    assert await database.fetchval("SELECT count(*) FROM events WHERE kind = 'session_ended'") == 1
    for process in race.processes:
        with refused(grpc.StatusCode.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
            await process.stubs[0].RefreshTokens(pb.RefreshTokensRequest(refresh_token=pair.tokens.refresh_token))
        # Its list hears of it; until then the database is what refuses.
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await process.stubs[0].GetAccount(pb.GetAccountRequest(), metadata=bearer(pair.tokens.access_token))
        assert read_refusal(caught.value).reason == "TOKEN_REVOKED"
