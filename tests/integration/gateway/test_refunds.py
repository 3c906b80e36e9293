"""Refunds and debts as GraphQL clients see them."""

from __future__ import annotations

import grpc
import pytest

from gateway.opaque_ids import IdType, encode
from tests.integration.gateway.conftest import Client
from tests.integration.gateway.fake_world import Fault, World

TIP = encode(IdType.TRANSFER, 9_001)
REFUND = """mutation { refundTip(input: {transferId: "%s", %s reason: "اشتكى المشتري", idempotencyKey: "k"}) {
  __typename ... on RefundedTip { refund { transferId amount { egp } fee { egp } owed { piastres } } }
  ... on PaymentRefusal { message } } }"""


async def test_a_tip_is_given_back_whole_or_in_part(graphql: Client, world: World) -> None:
    whole = (await graphql.data(REFUND % (TIP, "")))["refundTip"]
    assert whole == {
        "__typename": "RefundedTip",
        "refund": {"transferId": TIP, "amount": {"egp": "10.00"}, "fee": {"egp": "0.50"}, "owed": {"piastres": "10"}},
    }
    part = (await graphql.data(REFUND % (TIP, 'amountPiastres: "400",')))["refundTip"]
    assert part["refund"]["amount"] == {"egp": "4.00"}
    assert [seen.request.amount_piastres for seen in world.seen] == [0, 400]
    assert {seen.request.reason for seen in world.seen} == {"اشتكى المشتري"}


@pytest.mark.parametrize(
    ("reason", "typename"),
    [("REFUND_EXCEEDS_ORIGINAL", "RefundExceedsOriginal"), ("NOT_REFUNDABLE", "NotRefundable")],
)
async def test_expected_refusals_are_values(graphql: Client, world: World, reason: str, typename: str) -> None:
    world.faults["RefundTip"] = Fault(grpc.StatusCode.FAILED_PRECONDITION, "the words of the service", reason)
    refused = (await graphql.data(REFUND % (TIP, "")))["refundTip"]
    assert refused == {"__typename": typename, "message": "the words of the service"}


async def test_what_the_caller_owes(graphql: Client) -> None:
    assert await graphql.data("{ myDebt { owed { egp } } }") == {"myDebt": {"owed": {"egp": "43.10"}}}
