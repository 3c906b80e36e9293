"""gRPC errors over the wire, as GraphQL clients see them."""

from __future__ import annotations

import json

import grpc
import pytest

from gateway.opaque_ids import IdType, encode
from tests.integration.gateway.conftest import Client
from tests.integration.gateway.fake_services import FakeServices
from tests.integration.gateway.fake_world import MONA, Fault, World

INTERNAL_DETAIL = "boom: connection to 10.1.2.3:5432 refused"
TABLE = {
    "UNAUTHENTICATED": "UNAUTHENTICATED",
    "PERMISSION_DENIED": "FORBIDDEN",
    "INVALID_ARGUMENT": "BAD_USER_INPUT",
    "OUT_OF_RANGE": "BAD_USER_INPUT",
    "NOT_FOUND": "NOT_FOUND",
    "ALREADY_EXISTS": "CONFLICT",
    "ABORTED": "CONFLICT",
    "FAILED_PRECONDITION": "FAILED_PRECONDITION",
    "RESOURCE_EXHAUSTED": "RATE_LIMITED",
    "DEADLINE_EXCEEDED": "TIMEOUT",
    "UNAVAILABLE": "SERVICE_UNAVAILABLE",
    "CANCELLED": "SERVICE_UNAVAILABLE",
    "INTERNAL": "INTERNAL_SERVER_ERROR",
    "UNKNOWN": "INTERNAL_SERVER_ERROR",
    "UNIMPLEMENTED": "INTERNAL_SERVER_ERROR",
    "DATA_LOSS": "INTERNAL_SERVER_ERROR",
}


@pytest.mark.parametrize("status", TABLE)
async def test_each_status_and_no_leak(graphql: Client, world: World, status: str) -> None:
    world.faults["GetWallet"] = Fault(grpc.StatusCode[status], INTERNAL_DETAIL)
    answer = await graphql("{ wallet { ownerId } }")
    (error,) = answer["errors"]
    assert answer["data"] == {"wallet": None}
    assert error["path"] == ["wallet"]
    assert error["extensions"]["code"] == TABLE[status]
    assert ("errorId" in error["extensions"]) == (TABLE[status] == "INTERNAL_SERVER_ERROR")
    text = json.dumps(answer)
    assert "boom" not in text
    assert "10.1.2.3" not in text
    assert "Traceback" not in text


async def test_reason_message_and_violations_are_shown(graphql: Client, world: World) -> None:
    world.faults["SignIn"] = Fault(
        grpc.StatusCode.INVALID_ARGUMENT,
        "identifier.phone: is no Egyptian mobile",
        "FIELD_INVALID",
        violations=(("identifier.phone", "is no Egyptian mobile"), ("password", "is too long"), ("elsewhere", "?")),
    )
    error = await graphql.error('mutation { signIn(input: {phone: "1", password: "x"}) { userId } }')
    # The service's own message is not the list of violations here, so it stays as it is.
    assert error["message"] == "identifier.phone: is no Egyptian mobile"
    assert error["extensions"] == {
        "code": "BAD_USER_INPUT",
        "reason": "FIELD_INVALID",
        "fieldViolations": [
            {"field": "input.phone", "description": "is no Egyptian mobile"},
            {"field": "input.password", "description": "is too long"},
            {"field": "elsewhere", "description": "?"},
        ],
    }


async def test_messages_and_oneofs_speak_of_arguments(graphql: Client, world: World) -> None:
    words = "must be 100 to 1000000"
    world.faults["SendTip"] = Fault(
        grpc.StatusCode.INVALID_ARGUMENT,
        f"amount_piastres: {words}",
        "FIELD_INVALID",
        violations=(("amount_piastres", words),),
    )
    error = await graphql.error(_payment("sendTip"))
    assert error["message"] == f"input.amountPiastres: {words}"
    world.faults["GetProfile"] = Fault(
        grpc.StatusCode.INVALID_ARGUMENT, "key: give one", "FIELD_INVALID", violations=(("key", "give one"),)
    )
    error = await graphql.error("{ profile { id } }")
    assert error["message"] == "id or handle: give one"


async def test_retry_after(graphql: Client, world: World) -> None:
    world.faults["SignIn"] = Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", "OVERLOADED", retry_after_ms=1250)
    error = await graphql.error('mutation { signIn(input: {phone: "1", password: "x"}) { userId } }')
    assert error["extensions"] == {"code": "RATE_LIMITED", "reason": "OVERLOADED", "retryAfterMs": 1250}


async def test_reused_key_is_a_conflict(graphql: Client, world: World) -> None:
    world.faults["CreatePost"] = Fault(
        grpc.StatusCode.FAILED_PRECONDITION, "the key was used with another body", "IDEMPOTENCY_KEY_REUSED"
    )
    error = await graphql.error('mutation { createPost(input: {body: "x", idempotencyKey: "k"}) { post { id } } }')
    assert error["extensions"] == {"code": "CONFLICT", "reason": "IDEMPOTENCY_KEY_REUSED"}


async def test_masked_error_keeps_the_services_id(graphql: Client, world: World) -> None:
    world.faults["GetWallet"] = Fault(
        grpc.StatusCode.INTERNAL, "internal error", "INTERNAL", metadata={"error_id": "e-77", "host": "db-1"}
    )
    error = await graphql.error("{ wallet { ownerId } }")
    assert error["message"] == "internal error"
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "errorId": "e-77"}


async def test_reasons_outside_the_contract_are_not_shown(graphql: Client, world: World) -> None:
    world.faults["GetWallet"] = Fault(grpc.StatusCode.NOT_FOUND, "row 7 of pg_secrets", "PG_ROW_MISSING")
    error = await graphql.error("{ wallet { ownerId } }")
    assert error["message"] == "not found"
    assert error["extensions"] == {"code": "NOT_FOUND"}


async def test_one_failing_field_leaves_the_others(graphql: Client, world: World) -> None:
    world.faults["BatchGetProfiles"] = Fault(grpc.StatusCode.UNAVAILABLE, "x")
    answer = await graphql("{ me { id profile { handle } } wallet { balance { egp } } }")
    assert answer["data"]["wallet"] == {"balance": {"egp": "1234.50"}}
    assert answer["data"]["me"]["profile"] is None
    (error,) = answer["errors"]
    assert error["path"] == ["me", "profile"]


async def test_a_service_that_is_away(graphql: Client, services: FakeServices) -> None:
    await services.stop("payments")
    answer = await graphql("{ wallet { ownerId } me { id } }")
    assert answer["data"]["wallet"] is None
    assert answer["data"]["me"]
    assert answer["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
    assert "127.0.0.1" not in json.dumps(answer)
    # The edge stays open for what still works.
    assert (await graphql.http.get("/readyz")).status_code == 200
    await services.start("payments")


async def test_anonymous_and_bad_tokens(graphql: Client) -> None:
    error = await graphql.error("{ wallet { ownerId } }", user=None)
    assert error["extensions"] == {"code": "UNAUTHENTICATED", "reason": "TOKEN_MISSING"}
    for header in ("Basic YTpi", "Bearer", "Bearer a b", "Bearer \u00e9"):
        response = await graphql.http.post(
            "/graphql", json={"query": "{ __typename }"}, headers={b"authorization": header.encode("latin-1")}
        )
        assert response.status_code == 401
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("operation", "rpc", "reason", "typename"),
    [
        ("sendTip", "SendTip", "INSUFFICIENT_FUNDS", "InsufficientFunds"),
        ("sendTip", "SendTip", "LIMIT_EXCEEDED", "LimitExceeded"),
        ("topUp", "TopUp", "PROVIDER_DECLINED", "TopUpDeclined"),
        ("topUp", "TopUp", "LIMIT_EXCEEDED", "LimitExceeded"),
    ],
)
async def test_expected_refusals_are_values(
    graphql: Client, world: World, operation: str, rpc: str, reason: str, typename: str
) -> None:
    world.faults[rpc] = Fault(grpc.StatusCode.FAILED_PRECONDITION, "the words of the service", reason)
    data = await graphql.data(_payment(operation))
    assert data[operation] == {"__typename": typename, "message": "the words of the service"}


async def test_payments_that_succeed_and_a_state_that_declines(graphql: Client, world: World) -> None:
    tip = (await graphql.data(_payment("sendTip")))["sendTip"]
    assert tip == {"__typename": "Tip", "received": {"egp": "8.90"}, "recipient": {"handle": "mona"}}
    assert world.seen[0].request.amount_piastres == 1000
    world.top_up_state = 1
    assert (await graphql.data(_payment("topUp")))["topUp"] == {"__typename": "TopUp", "state": "PENDING"}
    world.top_up_state = 3
    declined = (await graphql.data(_payment("topUp")))["topUp"]
    assert declined["__typename"] == "TopUpDeclined"
    assert declined["message"]


async def test_other_payment_errors_are_errors(graphql: Client, world: World) -> None:
    world.faults["SendTip"] = Fault(grpc.StatusCode.NOT_FOUND, "wallet not found", "WALLET_NOT_FOUND")
    error = await graphql.error(_payment("sendTip"))
    assert error["extensions"] == {"code": "NOT_FOUND", "reason": "WALLET_NOT_FOUND"}


def _payment(operation: str) -> str:
    if operation == "topUp":
        return """mutation { topUp(input: {amountPiastres: 1000, idempotencyKey: "k"}) {
          __typename ... on TopUp { state } ... on PaymentRefusal { message } } }"""
    query = """mutation { sendTip(input: {recipientId: "MONA", amountPiastres: "1000", idempotencyKey: "k"}) {
      __typename ... on Tip { received { egp } recipient { handle } } ... on PaymentRefusal { message } } }"""
    return query.replace("MONA", encode(IdType.USER, MONA))
