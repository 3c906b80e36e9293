"""Subscriptions to creators in GraphQL: what was asked reaches the RPC, refusals are members of the union."""

from __future__ import annotations

from typing import Any

import httpx

from daira.payments.v1 import subscription_requests_pb2 as pb
from daira.payments.v1 import subscriptions_pb2 as things
from daira.social.v1 import post_pb2, post_service_pb2, profile_pb2
from gateway.errors import GatewayError
from gateway.opaque_ids import IdType, encode

PLAN = encode(IdType.PLAN, 31)
SUBSCRIBE = """
mutation ($input: SubscribeInput!) {
  subscribe(input: $input) {
    __typename
    ... on Subscribed { subscription { state source problem periodEnd nextPlanId price { egp } } }
    ... on PaymentRefusal { message }
  }
}
"""


async def asked_of(client: httpx.AsyncClient, query: str, variables: dict[str, Any]) -> Any:
    return (await client.post("/graphql", json={"query": query, "variables": variables})).json()


async def test_a_subscription_is_begun(client: httpx.AsyncClient, calls: Any) -> None:
    subscription = things.Subscription(
        subscription_id=9, plan_id=31, state=things.SUBSCRIPTION_STATE_ACTIVE, source=things.PAYMENT_SOURCE_WALLET,
        price_piastres=5_050,
    )  # fmt: skip
    calls.answers["Subscribe"] = pb.SubscribeResponse(subscription=subscription)
    order = {"planId": PLAN, "source": "WALLET", "idempotencyKey": "k"}
    answer = await asked_of(client, SUBSCRIBE, {"input": order})
    assert answer["data"]["subscribe"] == {
        "__typename": "Subscribed",
        "subscription": {
            "state": "ACTIVE", "source": "WALLET", "problem": "", "periodEnd": None, "nextPlanId": None,
            "price": {"egp": "50.50"},
        },
    }  # fmt: skip
    [(_, request)] = [asked for asked in calls.requests if asked[0] == "Subscribe"]
    assert (request.plan_id, request.source, request.idempotency_key) == (31, things.PAYMENT_SOURCE_WALLET, "k")


async def test_a_refusal_is_a_value(client: httpx.AsyncClient, calls: Any) -> None:
    for reason, typename in (("ALREADY_SUBSCRIBED", "AlreadySubscribed"), ("PLAN_ARCHIVED", "PlanArchived")):
        calls.answers["Subscribe"] = GatewayError("CONFLICT", "no", reason=reason)
        order = {"planId": PLAN, "source": "WALLET", "idempotencyKey": "k"}
        answer = await asked_of(client, SUBSCRIBE, {"input": order})
        assert answer["data"]["subscribe"] == {"__typename": typename, "message": "no"}


async def test_a_locked_post_says_so(client: httpx.AsyncClient, calls: Any) -> None:
    post = post_pb2.Post(post_id=5, author=profile_pb2.Profile(user_id=3), subscribers_only=True, is_locked=True)
    calls.answers["GetPost"] = post_service_pb2.GetPostResponse(post=post)
    asked = f'{{ post(id: "{encode(IdType.POST, 5)}") {{ body subscribersOnly isLocked }} }}'
    answer = await asked_of(client, asked, {})
    assert answer["data"]["post"] == {"body": "", "subscribersOnly": True, "isLocked": True}
