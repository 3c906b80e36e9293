"""Expected refusals of money are values of their unions; amounts and ids that are none are not even asked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gateway.opaque_ids import IdType, encode
from services.chassis.errors import AppError, ErrorKind
from tests.unit.gateway.conftest import StubCalls

WORDS = "كلام الخدمة نفسها"
INPUTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "topUp": ("TopUp", "TopUpInput", {"amountPiastres": "1000", "idempotencyKey": "k"}),
    "sendTip": (
        "SendTip",
        "SendTipInput",
        {"recipientId": encode(IdType.USER, 7), "amountPiastres": "1000", "idempotencyKey": "k"},
    ),
    "requestPayout": (
        "RequestPayout",
        "RequestPayoutInput",
        {"destinationId": encode(IdType.INSTRUMENT, 8), "amountPiastres": "20000", "idempotencyKey": "k"},
    ),
    "cancelPayout": ("CancelPayout", "CancelPayoutInput", {"id": encode(IdType.PAYOUT, 9)}),
}
REFUSALS = [
    ("topUp", "PROVIDER_DECLINED", "TopUpDeclined"),
    ("topUp", "LIMIT_EXCEEDED", "LimitExceeded"),
    ("sendTip", "INSUFFICIENT_FUNDS", "InsufficientFunds"),
    ("sendTip", "LIMIT_EXCEEDED", "LimitExceeded"),
    ("sendTip", "RECIPIENT_UNAVAILABLE", "RecipientUnavailable"),
    ("requestPayout", "INSUFFICIENT_FUNDS", "InsufficientFunds"),
    ("requestPayout", "LIMIT_EXCEEDED", "LimitExceeded"),
    ("requestPayout", "IDENTITY_UNKNOWN", "IdentityUnknown"),
    ("requestPayout", "DESTINATION_NOT_USABLE_YET", "DestinationNotUsableYet"),
    ("requestPayout", "RECIPIENT_UNAVAILABLE", "RecipientUnavailable"),
    ("cancelPayout", "PAYOUT_NOT_CANCELLABLE", "PayoutNotCancellable"),
]
SELECTION = "__typename ... on PaymentRefusal { message }"


async def ask(client: httpx.AsyncClient, mutation: str, **changes: Any) -> dict[str, Any]:
    """The answer to a mutation of money."""
    _, kind, fields = INPUTS[mutation]
    query = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {SELECTION} }} }}"
    body = {"query": query, "variables": {"input": fields | changes}}
    answer: dict[str, Any] = (await client.post("/graphql", json=body)).json()
    return answer


@pytest.mark.parametrize(("mutation", "reason", "typename"), REFUSALS)
async def test_each_is_a_value_with_the_words_of_the_service(
    client: httpx.AsyncClient, calls: StubCalls, mutation: str, reason: str, typename: str
) -> None:
    calls.answers[INPUTS[mutation][0]] = AppError(ErrorKind.FAILED_PRECONDITION, reason, WORDS)
    assert await ask(client, mutation) == {"data": {mutation: {"__typename": typename, "message": WORDS}}}


@pytest.mark.parametrize(
    ("mutation", "reason"),
    [("sendTip", "SELF_NOT_ALLOWED"), ("sendTip", "IDEMPOTENCY_KEY_REUSED"), ("topUp", "IDEMPOTENCY_KEY_REUSED")],
)
async def test_others_are_errors_with_their_reason(
    client: httpx.AsyncClient, calls: StubCalls, mutation: str, reason: str
) -> None:
    calls.answers[INPUTS[mutation][0]] = AppError(ErrorKind.FAILED_PRECONDITION, reason, WORDS)
    (error,) = (await ask(client, mutation))["errors"]
    assert error["message"] == WORDS
    assert error["extensions"]["reason"] == reason


@pytest.mark.parametrize("mutation", ["topUp", "sendTip", "requestPayout"])
@pytest.mark.parametrize("amount", [0.5, "10.5", "5e2", "٥٠٠", "", None, 2**63, -(2**63) - 1, "NaN", True])
async def test_an_amount_that_is_none_is_not_asked(
    client: httpx.AsyncClient, calls: StubCalls, mutation: str, amount: object
) -> None:
    answer = await ask(client, mutation, amountPiastres=amount)
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
    assert calls.requests == []


@pytest.mark.parametrize("mutation", ["topUp", "sendTip", "requestPayout"])
async def test_there_is_no_other_currency(client: httpx.AsyncClient, calls: StubCalls, mutation: str) -> None:
    answer = await ask(client, mutation, currency="USD")
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
    assert calls.requests == []


@pytest.mark.parametrize(
    ("mutation", "field"), [("sendTip", "recipientId"), ("requestPayout", "destinationId"), ("cancelPayout", "id")]
)
@pytest.mark.parametrize("wrong", ["", "7", "nonsense", encode(IdType.POST, 7)])
async def test_an_id_of_something_else_is_not_asked(
    client: httpx.AsyncClient, calls: StubCalls, mutation: str, field: str, wrong: str
) -> None:
    answer = await ask(client, mutation, **{field: wrong})
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}
    assert calls.requests == []
