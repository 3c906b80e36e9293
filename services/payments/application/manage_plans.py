"""Plans made, priced anew and archived by their creators, and read by everybody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from services.chassis.errors import invalid, not_found
from services.payments.application.subscription_ports import Plans, PriceChange
from services.payments.domain.plans import NewPlan, Plan, check_price

_LIST_MAX: Final = 100
_AHEAD_MAX_DAYS: Final = 366


class ManagePlans:
    """`raise_notice` is how long before it holds a raise is set: longer than a reminder comes before a renewal."""

    def __init__(self, plans: Plans, *, raise_notice: timedelta) -> None:
        self._plans = plans
        self._raise_notice = raise_notice

    async def create(self, new: NewPlan) -> Plan:
        """A plan, once a key. AppError FAILED_PRECONDITION: PLAN_LIMIT_REACHED, IDEMPOTENCY_KEY_REUSED."""
        return await self._plans.create(new)

    async def change_price(self, change: PriceChange) -> Plan:
        """Another price for periods that begin later; a lower one at once, a raise after the notice.

        AppError INVALID_ARGUMENT; NOT_FOUND, PLAN_NOT_FOUND; FAILED_PRECONDITION: PLAN_LIMIT_REACHED,
        IDEMPOTENCY_KEY_REUSED.
        """
        check_price(change.price)
        if not 0 <= change.in_days <= _AHEAD_MAX_DAYS:
            raise invalid("effective_in_days", f"must be 0 to {_AHEAD_MAX_DAYS}")
        return await self._plans.change_price(change, self._raise_notice.total_seconds())

    async def archive(self, creator_id: int, plan_id: int) -> Plan:
        """A plan that nobody subscribes to any more. AppError NOT_FOUND, PLAN_NOT_FOUND."""
        plan = await self._plans.archive(creator_id, plan_id)
        if plan is None:
            raise not_found("plan", "PLAN_NOT_FOUND")
        return plan

    async def list(self, viewer_id: int, creator_id: int) -> Sequence[Plan]:
        """Plans of a creator, newest first, at most 100; archived ones last, and only for the creator."""
        wanted = creator_id or viewer_id
        return await self._plans.list(wanted, with_archived=wanted == viewer_id, limit=_LIST_MAX)
