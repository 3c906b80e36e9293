"""Subscribing, and what subscribers ask of their subscriptions; the saga does it, the answer says what came of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from services.chassis.errors import (
    AppError,
    ErrorKind,
    failed_precondition,
    invalid,
    key_reused,
    not_found,
    unavailable,
)
from services.payments.application.ports import Wallets
from services.payments.application.run_sagas import RunSagas
from services.payments.application.saga_ports import NewSaga, SagaStarts, StartOutcome
from services.payments.application.subscription_ports import Plans, Subscriptions
from services.payments.domain.saga import Data
from services.payments.domain.subscriptions import (
    PAUSE_DAYS_MAX,
    PREPAID_MAX,
    SUBSCRIPTION,
    PaymentSource,
    Subscription,
    SubscriptionOrder,
    SubscriptionState,
)

_LOOKS: Final = 40
_LOOK_EVERY_S: Final = 0.05
_REFUSALS: Final = {
    "not_possible": ("as the subscription stands, this cannot be done", "SUBSCRIPTION_STATE_WRONG"),
    "busy": ("a payment of the subscription is on its way", "PAYMENT_PENDING"),
    "insufficient": ("the wallet does not hold enough", "INSUFFICIENT_FUNDS"),
    "closed": ("this person takes no money from you", "RECIPIENT_UNAVAILABLE"),
    "unwelcome": ("this person takes no subscription from you", "RECIPIENT_UNAVAILABLE"),
    "archived": ("nobody can subscribe to the plan any more", "PLAN_ARCHIVED"),
    "each": ("one payment may not be so large", "LIMIT_EXCEEDED"),
    "day": ("the limit of subscriptions in a day would be crossed", "LIMIT_EXCEEDED"),
    "month": ("the limit of subscriptions in a month would be crossed", "LIMIT_EXCEEDED"),
    "hour": ("too many payments in an hour", "LIMIT_EXCEEDED"),
}
_AT_ONCE: Final = {"unwelcome", "archived"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a subscriber asks of a subscription; `body` tells a repetition of `key` from its reuse."""

    user_id: int
    subscription_id: int
    name: str
    key: str
    body: bytes = field(repr=False)
    data: Data = field(default_factory=dict)


class ManageSubscriptions:
    """Starts sagas of subscriptions and tells running ones; runs them until they sleep, without providers."""

    def __init__(
        self, sagas: SagaStarts, runner: RunSagas, plans: Plans, subscriptions: Subscriptions, wallets: Wallets
    ) -> None:
        self._sagas = sagas
        self._runner = runner
        self._plans = plans
        self._subscriptions = subscriptions
        self._wallets = wallets

    async def subscribe(self, order: SubscriptionOrder) -> Subscription:
        """The subscription as it stands after the first try; the same key tells of the same one.

        AppError INVALID_ARGUMENT; NOT_FOUND: PLAN_NOT_FOUND, CARD_NOT_FOUND; ALREADY_EXISTS, ALREADY_SUBSCRIBED;
        FAILED_PRECONDITION: SELF_NOT_ALLOWED, PLAN_ARCHIVED, RECIPIENT_UNAVAILABLE, IDEMPOTENCY_KEY_REUSED;
        UNAVAILABLE, and then the same key tells what happened.
        """
        saga_id = await self._sagas.find(SUBSCRIPTION, order.subscriber_id, order.key, order.body)
        if saga_id is None:
            saga_id = await self._start(order)
        found = await self._first(saga_id)
        if found.state is SubscriptionState.INCOMPLETE_EXPIRED and found.problem in _AT_ONCE:
            raise failed_precondition(*_REFUSALS[found.problem])
        return found

    async def tell(self, request: Request) -> Subscription:
        """The subscription once it did what it was asked.

        AppError NOT_FOUND, SUBSCRIPTION_NOT_FOUND; FAILED_PRECONDITION: SUBSCRIPTION_STATE_WRONG, PAYMENT_PENDING,
        INSUFFICIENT_FUNDS, LIMIT_EXCEEDED, RECIPIENT_UNAVAILABLE, PLAN_ARCHIVED, IDEMPOTENCY_KEY_REUSED; UNAVAILABLE,
        and then the same key tells what happened.
        """
        found = await self._own(request)
        if await self._subscriptions.told(request.subscription_id, request.name, request.key) is None:
            data = {**request.data, "body": request.body.hex()}
            if not await self._sagas.signal(request.subscription_id, request.name, request.key, data):
                raise failed_precondition(*_REFUSALS["not_possible"])
        result = await self._result(request)
        if result in _REFUSALS:
            raise failed_precondition(*_REFUSALS[result])
        if result not in {"done", "pending"}:
            raise failed_precondition(f"the payment failed: {result}", "SUBSCRIPTION_STATE_WRONG")
        return await self._subscriptions.find(request.subscription_id) or found

    async def change_plan(self, request: Request, plan_id: int) -> Subscription:
        """Another plan of the same creator, as `tell`; AppError NOT_FOUND, PLAN_NOT_FOUND as well."""
        plan, found = await self._plans.find(plan_id), await self._own(request)
        if plan is None or plan.creator_id != found.creator_id:
            raise not_found("plan", "PLAN_NOT_FOUND")
        return await self.tell(request)

    async def way_to_pay(self, user_id: int, source: PaymentSource, instrument_id: int, periods: int) -> Data:
        """What a saga remembers of a source. AppError INVALID_ARGUMENT; NOT_FOUND, CARD_NOT_FOUND."""
        most = PREPAID_MAX if source is PaymentSource.VOUCHER else 1
        if not 0 <= periods <= most:
            raise invalid("periods", f"must be 1 to {most}")
        if (source is PaymentSource.CARD) != (instrument_id != 0):
            raise invalid("instrument_id", "must be a saved card for cards, and 0 for anything else")
        rail = ""
        if source is PaymentSource.CARD:
            rail = await self._subscriptions.card_rail(user_id, instrument_id) or ""
            if not rail:
                raise not_found("card", "CARD_NOT_FOUND")
        return {"source": source.value, "instrument_id": instrument_id, "rail": rail, "periods": periods or 1}

    async def _start(self, order: SubscriptionOrder) -> int:
        way = await self.way_to_pay(order.subscriber_id, order.source, order.instrument_id, order.periods)
        plan = await self._plans.find(order.plan_id)
        if plan is None:
            raise not_found("plan", "PLAN_NOT_FOUND")
        if plan.creator_id == order.subscriber_id:
            raise failed_precondition("nobody can subscribe to themselves", "SELF_NOT_ALLOWED")
        if plan.archived_at is not None:
            raise failed_precondition(*_REFUSALS["archived"])
        # Limits are counted under the wallet's lock, also for those who never had one.
        await self._wallets.open(order.subscriber_id)
        data = {"plan_id": plan.plan_id, "creator_id": plan.creator_id, **way}
        new = NewSaga(
            SUBSCRIPTION, order.subscriber_id, order.key, order.body, SubscriptionState.INCOMPLETE.value, data,
            f"{order.subscriber_id}:{plan.creator_id}",
        )  # fmt: skip
        outcome, saga_id = await self._sagas.start(new)
        if outcome is StartOutcome.KEY_REUSED:
            raise key_reused()
        if outcome is StartOutcome.TAKEN:
            raise AppError(
                ErrorKind.ALREADY_EXISTS, "ALREADY_SUBSCRIBED", "there is a subscription to this creator",
                metadata={"subscription_id": str(saga_id)},
            )  # fmt: skip
        return saga_id

    async def _own(self, request: Request) -> Subscription:
        found = await self._subscriptions.find(request.subscription_id)
        if found is None or found.subscriber_id != request.user_id:
            raise not_found("subscription", "SUBSCRIPTION_NOT_FOUND")
        return found

    async def _first(self, saga_id: int) -> Subscription:
        for _ in range(_LOOKS):
            await self._runner.run(saga_id)
            found = await self._subscriptions.find(saga_id)
            if found is not None:
                return found
            # A twin of this request, or the runner of sagas, has the lease: its outcome is this one's too.
            await asyncio.sleep(_LOOK_EVERY_S)
        raise unavailable("the subscription is being begun", retry_after_ms=1000)

    async def _result(self, request: Request) -> str:
        for _ in range(_LOOKS):
            await self._runner.run(request.subscription_id)
            told = await self._subscriptions.told(request.subscription_id, request.name, request.key)
            if told is None or told.body != request.body.hex():
                raise key_reused()
            if told.result:
                return told.result
            await asyncio.sleep(_LOOK_EVERY_S)
        raise unavailable("the subscription is being worked on", retry_after_ms=1000)


def check_pause(days: int) -> None:
    """AppError INVALID_ARGUMENT for a pause of no length that there is."""
    if not 1 <= days <= PAUSE_DAYS_MAX:
        raise invalid("days", f"must be 1 to {PAUSE_DAYS_MAX}")
