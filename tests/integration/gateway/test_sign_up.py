"""Signing up is two steps in two services: what stands when the second fails, and how a repeat finishes it."""

from __future__ import annotations

import grpc

from tests.integration.gateway.conftest import Client
from tests.integration.gateway.fake_world import STRANGER, Fault, World

QUERY = """mutation($handle: String!) { signUp(input: {phone: "01012345678", password: "long enough", handle: $handle,
  displayName: "سلمى", idempotencyKey: "k1"}) { userId tokens { accessToken } profile { handle displayName } } }"""


async def test_account_and_profile(graphql: Client, world: World) -> None:
    data = await graphql.data(QUERY, {"handle": "salma"}, user=None)
    assert data["signUp"]["profile"] == {"handle": "salma", "displayName": "سلمى"}
    register, create = world.seen
    assert (register.method, create.method) == ("Register", "CreateProfile")
    assert register.request.identifier.phone == "01012345678"
    assert register.request.idempotency_key == "k1"
    assert "authorization" not in register.metadata
    # The profile is made with the token that the registration gave.
    assert create.metadata["authorization"] == f"Bearer access-{STRANGER}"


async def test_profile_is_made_even_when_nobody_asks_for_it(graphql: Client, world: World) -> None:
    await graphql.data(QUERY.replace("profile { handle displayName }", ""), {"handle": "salma"}, user=None)
    assert STRANGER in world.profiles


async def test_account_stands_when_social_is_away_and_a_repeat_finishes(graphql: Client, world: World) -> None:
    world.faults["CreateProfile"] = Fault(grpc.StatusCode.UNAVAILABLE, "gone")
    answer = await graphql(QUERY, {"handle": "salma"}, user=None)
    assert answer["data"]["signUp"]["tokens"] == {"accessToken": f"access-{STRANGER}"}
    assert answer["data"]["signUp"]["profile"] is None
    (error,) = answer["errors"]
    assert error["path"] == ["signUp", "profile"]
    assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
    del world.faults["CreateProfile"]
    data = await graphql.data(QUERY, {"handle": "salma"}, user=None)
    assert data["signUp"]["profile"]["handle"] == "salma"


async def test_taken_handle(graphql: Client, world: World) -> None:
    world.faults["CreateProfile"] = Fault(grpc.StatusCode.ALREADY_EXISTS, "the handle is taken", "HANDLE_TAKEN")
    answer = await graphql(QUERY, {"handle": "mona"}, user=None)
    assert answer["data"]["signUp"]["userId"]
    assert answer["errors"][0]["extensions"] == {"code": "CONFLICT", "reason": "HANDLE_TAKEN"}


async def test_refused_registration_makes_no_profile(graphql: Client, world: World) -> None:
    world.faults["Register"] = Fault(grpc.StatusCode.ALREADY_EXISTS, "there is an account", "ACCOUNT_EXISTS")
    answer = await graphql(QUERY, {"handle": "salma"}, user=None)
    assert answer["data"] == {"signUp": None}
    assert answer["errors"][0]["extensions"] == {"code": "CONFLICT", "reason": "ACCOUNT_EXISTS"}
    assert world.methods() == ["Register"]
