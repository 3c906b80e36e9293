"""A refresh token has one successor: for racers the same, for thieves none."""

from __future__ import annotations

import asyncio
import hashlib
import secrets

import grpc
import pytest

from daira.auth.v1 import auth_service_pb2 as pb
from services.auth.adapters.postgres.sessions import PostgresSessions
from services.auth.application.ports import Rotation
from tests.fakes.clock import FixedClock
from tests.integration.auth.server import Running, refused, running

PHONE = "01001234567"
DENIED = grpc.StatusCode.UNAUTHENTICATED


async def test_a_chain_of_refreshes_keeps_one_session(auth: Running) -> None:
    made = await auth.register(PHONE)
    token = made.tokens.refresh_token
    for _ in range(5):
        auth.clock.advance(3600)
        pair = await auth.refresh(token)
        assert pair.refresh_token != token
        assert (await auth.account(pair.access_token)).user_id == made.user_id
        token = pair.refresh_token
    assert await auth.pool.fetchval("SELECT count(*) FROM sessions") == 1


async def test_of_fifty_racers_all_get_the_same_successor(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock) as one, running(auth_database, clock) as other:
        token = (await one.register(PHONE)).tokens.refresh_token
        pairs = await asyncio.gather(*((one, other)[n % 2].refresh(token) for n in range(50)))
        assert len({pair.refresh_token for pair in pairs}) == 1
        assert await one.pool.fetchval("SELECT count(*) FROM refresh_tokens") == 2
        assert await one.pool.fetchval("SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL") == 1
        for pair in pairs:
            await one.account(pair.access_token)
        await other.refresh(pairs[0].refresh_token)


async def test_a_late_racer_gets_the_successor_that_was_used_already(auth: Running) -> None:
    first = (await auth.register(PHONE)).tokens.refresh_token
    second = (await auth.refresh(first)).refresh_token
    third = (await auth.refresh(second)).refresh_token
    auth.clock.advance(9)
    assert (await auth.refresh(first)).refresh_token == second
    assert (await auth.refresh(second)).refresh_token == third


async def test_reuse_after_the_grace_revokes_the_family_and_no_other(auth: Running) -> None:
    stolen = (await auth.register(PHONE)).tokens.refresh_token
    bystander = await auth.sign_in(PHONE)
    current = await auth.refresh(stolen)
    auth.clock.advance(10.5)
    for _ in range(2):
        with refused(DENIED, "REFRESH_TOKEN_INVALID"):
            await auth.refresh(stolen)
    with refused(DENIED, "REFRESH_TOKEN_INVALID"):
        await auth.refresh(current.refresh_token)
    with refused(DENIED, "TOKEN_REVOKED"):
        await auth.account(current.access_token)
    await auth.refresh(bystander.tokens.refresh_token)
    rows = await auth.pool.fetch("SELECT actor_id, payload FROM events WHERE kind = 'session_ended'")
    assert [row["actor_id"] for row in rows] == [0]


async def test_racing_thefts_write_one_event(auth: Running) -> None:
    stolen = (await auth.register(PHONE)).tokens.refresh_token
    await auth.refresh(stolen)
    auth.clock.advance(60)
    await asyncio.gather(*(auth.refresh(stolen) for _ in range(20)), return_exceptions=True)
    assert (await auth.kinds()).count("session_ended") == 1


async def test_an_unused_token_expires_without_harm_to_its_family(auth: Running) -> None:
    made = await auth.register(PHONE)
    auth.clock.advance(30 * 86_400 + 1)
    with refused(DENIED, "REFRESH_TOKEN_INVALID"):
        await auth.refresh(made.tokens.refresh_token)
    assert "session_ended" not in await auth.kinds()


async def test_no_refresh_outlives_the_session(auth_database: str, clock: FixedClock) -> None:
    async with running(auth_database, clock, AUTH_SESSION_LIFE_S="5000", AUTH_REFRESH_IDLE_S="3000") as auth:
        made = await auth.register(PHONE)
        end = clock.now().timestamp() + 5000
        token = made.tokens.refresh_token
        for _ in range(2):
            clock.advance(2400)
            pair = await auth.refresh(token)
            assert pair.refresh_expires_at.ToMilliseconds() / 1000 <= end + 0.001
            token = pair.refresh_token
        clock.advance(201)
        with refused(DENIED, "REFRESH_TOKEN_INVALID"):
            await auth.refresh(token)


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "a" * 10_000, "ا" * 43])
async def test_unknown_tokens_are_refused_alike(auth: Running, token: str) -> None:
    with refused(DENIED, "REFRESH_TOKEN_INVALID"):
        await auth.refresh(token)


async def test_a_rotation_whose_answer_is_lost_is_repeated_with_the_same_outcome(auth: Running) -> None:
    token = (await auth.register(PHONE)).tokens.refresh_token
    call = auth.stub.RefreshTokens(_request(token))
    # The client dies at some moment of the call: whatever had happened, the retry works.
    await asyncio.sleep(0.001)
    call.cancel()
    retried = await auth.refresh(token)
    assert (await auth.refresh(token)).refresh_token == retried.refresh_token
    await auth.refresh(retried.refresh_token)


async def test_a_rotation_cut_off_before_commit_never_happened(auth: Running) -> None:
    token = (await auth.register(PHONE)).tokens.refresh_token
    async with auth.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        now = auth.clock.now()
        rotation = Rotation(_hash(token), secrets.token_bytes(32), b"sealed", now, now, "")
        assert await PostgresSessions(connection).rotate(rotation) is not None  # type: ignore[arg-type]
        connection.terminate()
    assert await auth.pool.fetchval("SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL") == 1
    pair = await auth.refresh(token)
    await auth.refresh(pair.refresh_token)


async def test_the_database_alone_gives_no_token_away(auth: Running) -> None:
    first = (await auth.register(PHONE)).tokens.refresh_token
    second = (await auth.refresh(first)).refresh_token
    stored = str(await auth.pool.fetch("SELECT t::text FROM refresh_tokens t"))
    for token in (first, second):
        assert token not in stored
        assert token.encode().hex() not in stored


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _request(token: str) -> pb.RefreshTokensRequest:
    return pb.RefreshTokensRequest(refresh_token=token)
