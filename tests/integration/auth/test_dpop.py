"""Tokens that are bound to a client's key are worth nothing to whoever steals them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from daira.auth.v1 import auth_service_pb2 as pb
from tests.fakes.clock import FixedClock
from tests.fakes.dpop_client import DpopClient
from tests.integration.auth.server import GOOD, Running, identifier, refused, running

URL = "https://api.daira.example/graphql"
NAME = "mona@example.com"
DENIED = grpc.StatusCode.UNAUTHENTICATED
Metadata = list[tuple[str, str]]


@pytest.fixture
async def auth(auth_database: str, clock: FixedClock) -> AsyncIterator[Running]:
    async with running(auth_database, clock, dpop_url=URL) as service:
        yield service


def proof_of(auth: Running, client: DpopClient, token: str = "") -> Metadata:
    return [("dpop", client.proof(auth.clock.now_ms() // 1000, token))]


def bound(auth: Running, client: DpopClient, token: str) -> Metadata:
    return [("authorization", f"DPoP {token}"), *proof_of(auth, client, token)]


async def sign_in(auth: Running, metadata: Metadata) -> pb.TokenPair:
    request = pb.SignInRequest(identifier=identifier(NAME), password=GOOD)
    response: pb.SignInResponse = await auth.stub.SignIn(request, metadata=metadata)
    return response.tokens


async def refresh(auth: Running, token: str, metadata: Metadata) -> pb.TokenPair:
    response = await auth.stub.RefreshTokens(pb.RefreshTokensRequest(refresh_token=token), metadata=metadata)
    tokens: pb.TokenPair = response.tokens
    return tokens


async def account(auth: Running, metadata: Metadata) -> None:
    await auth.stub.GetAccount(pb.GetAccountRequest(), metadata=metadata)


async def test_a_bound_token_needs_a_proof_of_its_key_for_itself(auth: Running) -> None:
    await auth.register(NAME)
    client, thief = DpopClient(URL), DpopClient(URL)
    token = (await sign_in(auth, proof_of(auth, client))).access_token
    await account(auth, bound(auth, client, token))
    with refused(DENIED, "TOKEN_INVALID"):
        await account(auth, [("authorization", f"Bearer {token}")])
    for stolen in (
        [("authorization", f"DPoP {token}")],
        bound(auth, thief, token),
        [("authorization", f"DPoP {token}"), *proof_of(auth, client)],
    ):
        with refused(DENIED, "DPOP_PROOF_INVALID"):
            await account(auth, stolen)
    plain = (await sign_in(auth, [])).access_token
    with refused(DENIED, "TOKEN_INVALID"):
        await account(auth, bound(auth, client, plain))


async def test_a_bound_refresh_token_rotates_only_with_its_key_and_a_thief_ends_nothing(auth: Running) -> None:
    await auth.register(NAME)
    client, thief = DpopClient(URL), DpopClient(URL)
    first = await sign_in(auth, proof_of(auth, client))
    for stolen in ([], proof_of(auth, thief)):
        with refused(DENIED, "REFRESH_TOKEN_INVALID"):
            await refresh(auth, first.refresh_token, stolen)
    second = await refresh(auth, first.refresh_token, proof_of(auth, client))
    await account(auth, bound(auth, client, second.access_token))
    auth.clock.advance(60)
    # Used before, and long ago: but without the key that is nothing new.
    with refused(DENIED, "REFRESH_TOKEN_INVALID"):
        await refresh(auth, first.refresh_token, proof_of(auth, thief))
    third = await refresh(auth, second.refresh_token, proof_of(auth, client))
    # With the key it is a replay, which ends the session.
    with refused(DENIED, "REFRESH_TOKEN_INVALID"):
        await refresh(auth, first.refresh_token, proof_of(auth, client))
    with refused(DENIED, "REFRESH_TOKEN_INVALID"):
        await refresh(auth, third.refresh_token, proof_of(auth, client))


async def test_an_unbound_session_cannot_be_bound_by_whoever_refreshes_it(auth: Running) -> None:
    first = (await auth.register(NAME)).tokens
    with refused(DENIED, "REFRESH_TOKEN_INVALID"):
        await refresh(auth, first.refresh_token, proof_of(auth, DpopClient(URL)))
    await refresh(auth, first.refresh_token, [])


async def test_racers_with_the_key_get_the_same_successor(auth: Running) -> None:
    await auth.register(NAME)
    client = DpopClient(URL)
    token = (await sign_in(auth, proof_of(auth, client))).refresh_token
    pairs = await asyncio.gather(*(refresh(auth, token, proof_of(auth, client)) for _ in range(20)))
    assert len({pair.refresh_token for pair in pairs}) == 1


async def test_a_wrong_proof_signs_nobody_in(auth: Running) -> None:
    await auth.register(NAME)
    with refused(DENIED, "DPOP_PROOF_INVALID"):
        await sign_in(auth, [("dpop", "not a proof")])
