"""Plans: what a creator offers to subscribers, and what it costs from when on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from services.chassis.errors import invalid
from services.chassis.text import clean_text
from services.payments.domain.billing_periods import Interval

PLANS_MAX: Final = 20
"""Plans that a creator has open at a time."""
PRICE_CHANGES_MAX: Final = 100
"""Prices that a plan ever has."""
PRICE_MIN: Final = 500
"""EGP 5, in piastres: below that, fees of providers eat it."""
PRICE_MAX: Final = 1_000_000
"""EGP 10,000, in piastres."""
_NAME_CHARS: Final = (2, 60)
_TRIAL_DAYS_MAX: Final = 90


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as people see it. `price` in piastres holds now; `next_price` from `next_price_from` on, 0 for none."""

    plan_id: int
    creator_id: int
    name_ar: str
    name_en: str
    interval: Interval
    price: int
    trial_days: int
    created_at: datetime
    archived_at: datetime | None = None
    next_price: int = 0
    next_price_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewPlan:
    """A plan to make. `body` tells a repetition of `key` from its reuse."""

    creator_id: int
    name_ar: str
    name_en: str
    interval: Interval
    price: int
    trial_days: int
    key: str
    body: bytes = field(repr=False)

    @classmethod
    def read(
        cls, creator_id: int, name_ar: str, name_en: str, interval: Interval, price: int, trial_days: int, key: str,
        body: bytes,
    ) -> NewPlan:  # fmt: skip
        """The plan with its names cleaned. AppError INVALID_ARGUMENT naming the first bad field."""
        low, high = _NAME_CHARS
        check_price(price)
        if not 0 <= trial_days <= _TRIAL_DAYS_MAX:
            raise invalid("trial_days", f"must be 0 to {_TRIAL_DAYS_MAX}")
        arabic, english = clean_text(name_ar, "name_ar", low, high), clean_text(name_en, "name_en", low, high)
        return cls(creator_id, arabic, english, interval, price, trial_days, key, body)


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """What billing needs to know of a plan; `prices` as (from when on in seconds, piastres), in any order."""

    plan_id: int
    creator_id: int
    months: int
    trial_days: int
    is_archived: bool
    prices: Sequence[tuple[int, int]]

    def price_at(self, at: int) -> int:
        """What a period costs that begins at a moment: the price that holds then, before all of them the first."""
        held = [(since, price) for since, price in self.prices if since <= at]
        return max(held)[1] if held else min(self.prices)[1]


def check_price(price: int) -> None:
    """AppError INVALID_ARGUMENT for a price that no plan may have."""
    if not PRICE_MIN <= price <= PRICE_MAX:
        raise invalid("price_piastres", f"must be {PRICE_MIN} to {PRICE_MAX}")
