"""What subscriptions need of the outside beside sagas: plans, subscriptions and invoices as they stand, saved cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.payments.domain.plans import NewPlan, Plan
from services.payments.domain.subscriptions import Invoice, Subscription


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A price that a creator sets for periods that begin in so many days or later."""

    creator_id: int
    plan_id: int
    price: int
    in_days: int
    key: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody told a running subscription, and what came of it, "" while nobody looked at it."""

    body: str
    result: str


class Plans(Protocol):
    """Keeps plans. AppError UNAVAILABLE when the database is away."""

    async def create(self, new: NewPlan) -> Plan:
        """Keep a plan once a key. AppError FAILED_PRECONDITION: PLAN_LIMIT_REACHED, IDEMPOTENCY_KEY_REUSED."""
        ...

    async def change_price(self, change: PriceChange, raise_notice_s: float) -> Plan:
        """Add a price, a raise not before `raise_notice_s` seconds. AppError NOT_FOUND, FAILED_PRECONDITION."""
        ...

    async def archive(self, creator_id: int, plan_id: int) -> Plan | None:
        """Let nobody new have it; None when the creator has no such plan."""
        ...

    async def find(self, plan_id: int) -> Plan | None:
        """A plan with the price of now."""
        ...

    async def list(self, creator_id: int, *, with_archived: bool, limit: int) -> Sequence[Plan]:
        """Plans of a creator: those that people can subscribe to first, newest first."""
        ...


class Subscriptions(Protocol):
    """Reads subscriptions. AppError UNAVAILABLE when the database is away."""

    async def find(self, subscription_id: int) -> Subscription | None:
        """A subscription."""
        ...

    async def of_subscriber(self, subscriber_id: int, *, before: int, limit: int) -> Sequence[Subscription]:
        """At most `limit` subscriptions of a person with ids below `before`, newest first."""
        ...

    async def of_creator(
        self, creator_id: int, *, before: int, limit: int, only_current: bool
    ) -> Sequence[Subscription]:
        """At most `limit` subscriptions to a person with ids below `before`, newest first."""
        ...

    async def invoices(self, subscription_id: int, *, before: int, limit: int) -> Sequence[Invoice]:
        """At most `limit` invoices with ids below `before`, newest first."""
        ...

    async def told(self, subscription_id: int, name: str, key: str) -> Told | None:
        """What a subscription was told under a key; None when nothing was."""
        ...

    async def card_rail(self, user_id: int, instrument_id: int) -> str | None:
        """The rail of a saved card of a person; None when they have none of that id."""
        ...
