"""SubscriptionService: decode, do, encode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.message import Message

from daira.payments.v1 import subscription_requests_pb2 as pb
from daira.payments.v1 import subscription_service_pb2_grpc
from daira.payments.v1 import subscriptions_pb2 as things
from services.chassis.context import require_user
from services.chassis.errors import invalid
from services.chassis.idempotency import check_key
from services.chassis.page_token import PageTokens
from services.payments.application.manage_plans import ManagePlans
from services.payments.application.manage_subscriptions import ManageSubscriptions, Request, check_pause
from services.payments.application.read_subscriptions import ReadSubscriptions
from services.payments.domain.saga import Data
from services.payments.domain.subscription_commands import CANCEL, CHANGE_PLAN, PAUSE, PAY, RESUME, UNPAUSE
from services.payments.domain.subscriptions import Subscription
from services.payments.rpc import subscription_codec as codec

_MINE: Final = "SubscriptionService/ListMySubscriptions"
_SUBSCRIBERS: Final = "SubscriptionService/ListSubscribers"
_INVOICES: Final = "SubscriptionService/ListInvoices"


class SubscriptionServicer(subscription_service_pb2_grpc.SubscriptionServiceServicer):
    """Plans and subscriptions of the signed-in caller. AppErrors climb to the interceptor."""

    def __init__(
        self, plans: ManagePlans, subscriptions: ManageSubscriptions, read: ReadSubscriptions, page_tokens: PageTokens
    ) -> None:
        self._plans = plans
        self._subscriptions = subscriptions
        self._read = read
        self._page_tokens = page_tokens

    async def CreatePlan(self, request: pb.CreatePlanRequest, context: Any) -> pb.CreatePlanResponse:  # noqa: N802, ARG002 - gRPC's
        """A plan of the caller."""
        plan = await self._plans.create(codec.new_plan(request, require_user()))
        return pb.CreatePlanResponse(plan=codec.plan_message(plan))

    async def ChangePlanPrice(self, request: pb.ChangePlanPriceRequest, context: Any) -> pb.ChangePlanPriceResponse:  # noqa: N802, ARG002 - gRPC's
        """Another price for later periods."""
        plan = await self._plans.change_price(codec.price_change(request, require_user()))
        return pb.ChangePlanPriceResponse(plan=codec.plan_message(plan))

    async def ArchivePlan(self, request: pb.ArchivePlanRequest, context: Any) -> pb.ArchivePlanResponse:  # noqa: N802, ARG002 - gRPC's
        """A plan for nobody new."""
        plan = await self._plans.archive(require_user(), request.plan_id)
        return pb.ArchivePlanResponse(plan=codec.plan_message(plan))

    async def ListPlans(self, request: pb.ListPlansRequest, context: Any) -> pb.ListPlansResponse:  # noqa: N802, ARG002 - gRPC's
        """A creator's plans."""
        if request.creator_id < 0:
            raise invalid("creator_id", "must be a user id, or 0")
        plans = await self._plans.list(require_user(), request.creator_id)
        return pb.ListPlansResponse(plans=[codec.plan_message(plan) for plan in plans])

    async def Subscribe(self, request: pb.SubscribeRequest, context: Any) -> pb.SubscribeResponse:  # noqa: N802, ARG002 - gRPC's
        """A subscription of the caller."""
        user_id = require_user()
        found = await self._subscriptions.subscribe(codec.subscription_order(request, user_id))
        return pb.SubscribeResponse(subscription=codec.subscription_message(found, user_id))

    async def PaySubscription(self, request: pb.PaySubscriptionRequest, context: Any) -> pb.PaySubscriptionResponse:  # noqa: N802, ARG002 - gRPC's
        """What is due, or periods ahead."""
        source = codec.source_of(request.source)
        way = await self._subscriptions.way_to_pay(require_user(), source, request.instrument_id, request.periods)
        return pb.PaySubscriptionResponse(subscription=await self._tell(request, PAY, way))

    async def ChangePlan(self, request: pb.ChangePlanRequest, context: Any) -> pb.ChangePlanResponse:  # noqa: N802, ARG002 - gRPC's
        """Another plan."""
        asked = self._request(request, CHANGE_PLAN, {"plan_id": request.plan_id})
        found = await self._subscriptions.change_plan(asked, request.plan_id)
        return pb.ChangePlanResponse(subscription=codec.subscription_message(found, asked.user_id))

    async def CancelSubscription(  # noqa: N802 - gRPC's
        self, request: pb.CancelSubscriptionRequest, context: Any  # noqa: ARG002 - gRPC's
    ) -> pb.CancelSubscriptionResponse:  # fmt: skip
        """The end, now or with the period."""
        found = await self._tell(request, CANCEL, {"at_end": request.at_period_end})
        return pb.CancelSubscriptionResponse(subscription=found)

    async def ResumeSubscription(  # noqa: N802 - gRPC's
        self, request: pb.ResumeSubscriptionRequest, context: Any  # noqa: ARG002 - gRPC's
    ) -> pb.ResumeSubscriptionResponse:  # fmt: skip
        """No end after all."""
        return pb.ResumeSubscriptionResponse(subscription=await self._tell(request, RESUME, {}))

    async def PauseSubscription(  # noqa: N802 - gRPC's
        self, request: pb.PauseSubscriptionRequest, context: Any  # noqa: ARG002 - gRPC's
    ) -> pb.PauseSubscriptionResponse:  # fmt: skip
        """A rest."""
        check_pause(request.days)
        return pb.PauseSubscriptionResponse(subscription=await self._tell(request, PAUSE, {"days": request.days}))

    async def UnpauseSubscription(  # noqa: N802 - gRPC's
        self, request: pb.UnpauseSubscriptionRequest, context: Any  # noqa: ARG002 - gRPC's
    ) -> pb.UnpauseSubscriptionResponse:  # fmt: skip
        """The end of a rest."""
        return pb.UnpauseSubscriptionResponse(subscription=await self._tell(request, UNPAUSE, {}))

    async def GetSubscription(self, request: pb.GetSubscriptionRequest, context: Any) -> pb.GetSubscriptionResponse:  # noqa: N802, ARG002 - gRPC's
        """A subscription of the caller, or to the caller."""
        user_id = require_user()
        found = await self._read.get(user_id, request.subscription_id)
        return pb.GetSubscriptionResponse(subscription=codec.subscription_message(found, user_id))

    async def ListMySubscriptions(  # noqa: N802 - gRPC's
        self, request: pb.ListMySubscriptionsRequest, context: Any  # noqa: ARG002 - gRPC's
    ) -> pb.ListMySubscriptionsResponse:  # fmt: skip
        """A page of the caller's subscriptions."""
        user_id = require_user()
        before = self._page_tokens.open_before(request.page_token, _MINE, user_id)
        page = await self._read.mine(user_id, page_size=request.page_size, before=before)
        return pb.ListMySubscriptionsResponse(
            subscriptions=_messages(page.subscriptions, user_id),
            next_page_token=self._page_tokens.seal_before(_MINE, user_id, page.next_before),
        )

    async def ListSubscribers(self, request: pb.ListSubscribersRequest, context: Any) -> pb.ListSubscribersResponse:  # noqa: N802, ARG002 - gRPC's
        """A page of subscriptions to the caller."""
        user_id = require_user()
        before = self._page_tokens.open_before(request.page_token, _SUBSCRIBERS, user_id)
        page = await self._read.subscribers(
            user_id, page_size=request.page_size, before=before,
            only_current=request.only_current,
        )  # fmt: skip
        return pb.ListSubscribersResponse(
            subscriptions=_messages(page.subscriptions, user_id),
            next_page_token=self._page_tokens.seal_before(_SUBSCRIBERS, user_id, page.next_before),
        )

    async def ListInvoices(self, request: pb.ListInvoicesRequest, context: Any) -> pb.ListInvoicesResponse:  # noqa: N802, ARG002 - gRPC's
        """A page of a subscription's invoices."""
        user_id = require_user()
        method = f"{_INVOICES}/{request.subscription_id}"
        page = await self._read.invoices(
            user_id, request.subscription_id, page_size=request.page_size,
            before=self._page_tokens.open_before(request.page_token, method, user_id),
        )  # fmt: skip
        return pb.ListInvoicesResponse(
            invoices=[codec.invoice_message(invoice) for invoice in page.invoices],
            next_page_token=self._page_tokens.seal_before(method, user_id, page.next_before),
        )

    async def _tell(self, request: Any, name: str, data: Data) -> things.Subscription:
        asked = self._request(request, name, data)
        return codec.subscription_message(await self._subscriptions.tell(asked), asked.user_id)

    @staticmethod
    def _request(request: Any, name: str, data: Data) -> Request:
        message: Message = request
        key = check_key(request.idempotency_key)
        return Request(require_user(), request.subscription_id, name, key, codec.hash_of(message), data)


def _messages(found: Sequence[Subscription], viewer_id: int) -> list[things.Subscription]:
    return [codec.subscription_message(one, viewer_id) for one in found]
