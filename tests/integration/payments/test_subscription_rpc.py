"""SubscriptionService over gRPC against a real process: every method, every refusal, pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc.aio
import pytest

from daira.events.v1 import events_pb2
from daira.payments.v1 import subscription_requests_pb2 as pb
from daira.payments.v1 import subscription_service_pb2_grpc
from daira.payments.v1 import subscriptions_pb2 as things
from services.chassis.postgres import PostgresConnection
from services.payments.rpc.event_codec import KINDS
from tests.integration.payments.processes import Caller
from tests.integration.payments.test_rpc import refused

Person = Callable[[], Caller]
WALLET = things.PAYMENT_SOURCE_WALLET


class Subscriber:
    """A person calling SubscriptionService."""

    def __init__(self, channel: grpc.aio.Channel, caller: Caller) -> None:
        self.user_id = caller.user_id
        self.caller = caller
        self._stub = subscription_service_pb2_grpc.SubscriptionServiceStub(channel)

    def call(self, name: str, **fields: Any) -> Any:
        """Call a method by name."""
        request = getattr(pb, f"{name}Request")(**fields)
        return getattr(self._stub, name)(request, metadata=self.caller.metadata, timeout=20)

    async def plan(self, price: int = 5_000, key: str = "p", **fields: Any) -> things.Plan:
        """A new plan."""
        fields = {
            "name_ar": "أصدقاء القناة", "name_en": "Friends", "interval": things.PLAN_INTERVAL_MONTH,
            "price_piastres": price, "idempotency_key": key,
        } | fields  # fmt: skip
        plan: things.Plan = (await self.call("CreatePlan", **fields)).plan
        return plan


@pytest.fixture
def people(channel: grpc.aio.Channel, person: Person) -> Callable[[], Subscriber]:
    return lambda: Subscriber(channel, person())


async def test_a_life_over_rpc(people: Callable[[], Subscriber], database: PostgresConnection) -> None:
    fan, creator = people(), people()
    await fan.caller.top_up(30_000, "t")
    small, big = await creator.plan(), await creator.plan(9_000, "q", trial_days=0)
    assert await creator.plan() == small
    assert (small.name_ar, small.price_piastres) == ("أصدقاء القناة", 5_000)
    listed = (await fan.call("ListPlans", creator_id=creator.user_id)).plans
    assert [plan.plan_id for plan in listed] == [big.plan_id, small.plan_id]

    order = {"plan_id": small.plan_id, "source": WALLET, "idempotency_key": "s"}
    found = (await fan.call("Subscribe", **order)).subscription
    assert (found.state, found.period) == (things.SUBSCRIPTION_STATE_ACTIVE, 0)
    assert (await fan.call("Subscribe", **order)).subscription == found
    assert await fan.caller.wallet() == 25_000
    this = {"subscription_id": found.subscription_id}

    upgraded = await fan.call("ChangePlan", **this, plan_id=big.plan_id, idempotency_key="u")
    assert upgraded.subscription.plan_id == big.plan_id
    assert await fan.caller.wallet() == 25_000 - 4_000
    ended = await fan.call("CancelSubscription", **this, at_period_end=True, idempotency_key="c")
    assert ended.subscription.cancel_at_period_end
    resumed = await fan.call("ResumeSubscription", **this, idempotency_key="r")
    assert not resumed.subscription.cancel_at_period_end
    rests = (await fan.call("PauseSubscription", **this, days=5, idempotency_key="z")).subscription
    assert rests.state == things.SUBSCRIPTION_STATE_PAUSED
    assert rests.access_until.seconds < found.access_until.seconds
    goes_on = (await fan.call("UnpauseSubscription", **this, idempotency_key="y")).subscription
    assert goes_on.state == things.SUBSCRIPTION_STATE_ACTIVE
    paid = (await fan.call("PaySubscription", **this, source=WALLET, idempotency_key="w")).subscription
    assert paid.source == WALLET

    seen = (await creator.call("GetSubscription", **this)).subscription
    assert (seen.subscriber_id, seen.source, seen.problem) == (fan.user_id, 0, "")
    invoices = (await creator.call("ListInvoices", **this, page_size=1)).invoices
    assert [invoice.number for invoice in invoices] == [2]
    assert sum(line.amount_piastres for line in invoices[0].lines) == invoices[0].total_piastres == 4_000
    mine = await fan.call("ListMySubscriptions")
    assert [one.subscription_id for one in mine.subscriptions] == [found.subscription_id]
    assert mine.next_page_token == ""
    events = await database.fetch("SELECT kind FROM events WHERE aggregate_id = $1", found.subscription_id)
    assert {event["kind"] for event in events} == {"subscription_changed", "saga_advanced"}
    assert set(events_pb2.Event.DESCRIPTOR.fields_by_name) >= KINDS


async def test_subscribers_come_in_pages(people: Callable[[], Subscriber]) -> None:
    creator = people()
    plan, fans = await creator.plan(500), [people() for _ in range(3)]
    for fan in fans:
        await fan.caller.top_up(500, "t")
        await fan.call("Subscribe", plan_id=plan.plan_id, source=WALLET, idempotency_key="s")
    first = await creator.call("ListSubscribers", page_size=2, only_current=True)
    rest = await creator.call("ListSubscribers", page_size=2, page_token=first.next_page_token, only_current=True)
    found = [one.subscriber_id for one in (*first.subscriptions, *rest.subscriptions)]
    assert found == [fan.user_id for fan in reversed(fans)]
    assert rest.next_page_token == ""
    stolen = fans[0].call("ListSubscribers", page_token=first.next_page_token)
    assert (await refused(stolen))[1] == "PAGE_TOKEN_INVALID"


async def test_each_refusal_says_why(people: Callable[[], Subscriber]) -> None:
    fan, creator = people(), people()
    plan = await creator.plan()
    this = {"plan_id": plan.plan_id, "source": WALLET, "idempotency_key": "s"}
    for wrong in (
        {"price_piastres": 499},
        {"price_piastres": -1},
        {"name_ar": " "},
        {"trial_days": 91},
        {"interval": 0},
    ):
        assert (await refused(creator.plan(key="w", **wrong)))[1] == "FIELD_INVALID", wrong
    assert (await refused(creator.plan(6_000)))[1] == "IDEMPOTENCY_KEY_REUSED"
    assert (await refused(fan.call("ArchivePlan", plan_id=plan.plan_id)))[1] == "PLAN_NOT_FOUND"
    assert (await refused(creator.call("Subscribe", **this)))[1] == "SELF_NOT_ALLOWED"
    assert (await refused(fan.call("Subscribe", **this | {"plan_id": 1})))[1] == "PLAN_NOT_FOUND"
    assert (await refused(fan.call("Subscribe", **this | {"source": 0})))[1] == "FIELD_INVALID"
    assert (await refused(fan.call("Subscribe", **this | {"periods": 2})))[1] == "FIELD_INVALID"
    card = {"source": things.PAYMENT_SOURCE_CARD, "instrument_id": 5}
    assert (await refused(fan.call("Subscribe", **this | card)))[1] == "CARD_NOT_FOUND"

    found = (await fan.call("Subscribe", **this)).subscription
    assert (found.state, found.problem) == (things.SUBSCRIPTION_STATE_INCOMPLETE, "insufficient")
    assert not found.HasField("access_until")
    assert (await refused(fan.call("Subscribe", **this | {"idempotency_key": "z"})))[1] == "ALREADY_SUBSCRIBED"
    pay = {"subscription_id": found.subscription_id, "source": WALLET, "idempotency_key": "1"}
    assert (await refused(fan.call("PaySubscription", **pay)))[1] == "INSUFFICIENT_FUNDS"
    assert (await refused(creator.call("PaySubscription", **pay)))[1] == "SUBSCRIPTION_NOT_FOUND"
    assert (await refused(people().call("GetSubscription", subscription_id=found.subscription_id)))[1] == (
        "SUBSCRIPTION_NOT_FOUND"
    )
    await fan.caller.top_up(5_000, "t")
    assert (await refused(fan.call("PaySubscription", **pay)))[1] == "INSUFFICIENT_FUNDS"
    paid = await fan.call("PaySubscription", **pay | {"idempotency_key": "2"})
    assert paid.subscription.state == things.SUBSCRIPTION_STATE_ACTIVE
    archived = await creator.call("ArchivePlan", plan_id=plan.plan_id)
    assert archived.plan.HasField("archived_at")
    assert (await refused(people().call("Subscribe", **this)))[1] == "PLAN_ARCHIVED"
    assert not (await fan.call("ListPlans", creator_id=creator.user_id)).plans
    await fan.call("CancelSubscription", subscription_id=found.subscription_id, idempotency_key="c")
    again = fan.call("ResumeSubscription", subscription_id=found.subscription_id, idempotency_key="c")
    assert (await refused(again))[1] == "SUBSCRIPTION_STATE_WRONG"
