"""Subscriptions and invoices read by those they are between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.chassis.errors import not_found
from services.chassis.ids import MAX_ID
from services.payments.application.subscription_ports import Subscriptions
from services.payments.domain.subscriptions import Invoice, Subscription
from services.payments.domain.wallets import page_length


@dataclass(frozen=True, slots=True)
class SubscriptionPage:
    """Subscriptions, newest first; `next_before` asks for the next page, None at the end."""

    subscriptions: Sequence[Subscription]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """Invoices, newest first; `next_before` asks for the next page, None at the end."""

    invoices: Sequence[Invoice]
    next_before: int | None


class ReadSubscriptions:
    """Nobody sees a subscription but its subscriber and its creator."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions

    async def get(self, viewer_id: int, subscription_id: int) -> Subscription:
        """A subscription of the viewer or to them. AppError NOT_FOUND, SUBSCRIPTION_NOT_FOUND."""
        found = await self._subscriptions.find(subscription_id)
        if found is None or viewer_id not in {found.subscriber_id, found.creator_id}:
            raise not_found("subscription", "SUBSCRIPTION_NOT_FOUND")
        return found

    async def mine(self, user_id: int, *, page_size: int, before: int | None) -> SubscriptionPage:
        """A page of the person's subscriptions. AppError INVALID_ARGUMENT for a bad page size."""
        length = page_length(page_size)
        below = MAX_ID if before is None else before
        return _page(await self._subscriptions.of_subscriber(user_id, before=below, limit=length + 1), length)

    async def subscribers(
        self, creator_id: int, *, page_size: int, before: int | None, only_current: bool
    ) -> SubscriptionPage:
        """A page of subscriptions to the person. AppError INVALID_ARGUMENT for a bad page size."""
        length = page_length(page_size)
        found = await self._subscriptions.of_creator(
            creator_id, before=MAX_ID if before is None else before, limit=length + 1, only_current=only_current
        )
        return _page(found, length)

    async def invoices(
        self, viewer_id: int, subscription_id: int, *, page_size: int, before: int | None
    ) -> InvoicePage:
        """A page of a subscription's invoices. AppError NOT_FOUND; INVALID_ARGUMENT for a bad page size."""
        length = page_length(page_size)
        await self.get(viewer_id, subscription_id)
        below = MAX_ID if before is None else before
        found = await self._subscriptions.invoices(subscription_id, before=below, limit=length + 1)
        page = found[:length]
        return InvoicePage(page, page[-1].invoice_id if len(found) > length else None)


def _page(found: Sequence[Subscription], length: int) -> SubscriptionPage:
    page = found[:length]
    return SubscriptionPage(page, page[-1].subscription_id if len(found) > length else None)
