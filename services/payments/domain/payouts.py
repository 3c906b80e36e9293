"""Payouts as their owner sees them, and the destinations they go to."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from services.chassis.errors import invalid
from services.payments.domain.providers import Rail

DESTINATIONS_MAX: Final = 10
LEVELS: Final = (0, 1, 2)
_REASON_CHARS: Final = (3, 200)
# No rail takes less or more, whatever its limits are today.
_AMOUNTS: Final = (1, 10**12)


class PayoutState(enum.Enum):
    """How a payout stands; the names of the machine's states, but that waiting for an answer is sending still."""

    REQUESTED = "requested"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    PAID = "paid"
    COMPLETED = "completed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class PayoutDestination:
    """A destination as its owner sees it."""

    destination_id: int
    rail: Rail
    network: str
    label: str
    added_at: datetime
    usable_at: datetime
    is_removed: bool = False


@dataclass(frozen=True, slots=True)
class Payout:
    """A payout as its owner sees it. `leaves_at` is None for one that never was in a batch."""

    payout_id: int
    user_id: int
    state: PayoutState
    amount: int
    destination: PayoutDestination
    requested_at: datetime
    changed_at: datetime
    leaves_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class PayoutOrder:
    """A payout that somebody asks for, in piastres."""

    user_id: int
    destination_id: int
    amount: int
    key: str
    body: bytes = field(repr=False)

    def check(self) -> None:
        """AppError INVALID_ARGUMENT for an amount that no rail takes."""
        low, high = _AMOUNTS
        if not low <= self.amount <= high:
            raise invalid("amount_piastres", f"must be {low} to {high}")


@dataclass(frozen=True, slots=True)
class IdentityLevel:
    """How well somebody with a role says that a person is known: 0 by phone, 1 by identity card, 2 as a firm."""

    user_id: int
    level: int
    reason: str
    set_by: int

    def check(self) -> None:
        """AppError INVALID_ARGUMENT, naming the field."""
        low, high = _REASON_CHARS
        if self.user_id <= 0 or self.user_id == self.set_by:
            raise invalid("user_id", "must be another person")
        if self.level not in LEVELS:
            raise invalid("level", "must be 0, 1 or 2")
        if not low <= len(self.reason.strip()) <= high:
            raise invalid("reason", f"must have {low} to {high} characters")
