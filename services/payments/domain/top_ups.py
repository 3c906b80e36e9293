"""A top-up: money that a provider brings into a wallet, and the states between asking and having."""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from services.chassis.errors import FieldViolation, invalid_fields
from services.payments.domain.providers import Rail

TOP_UP_MIN: Final = 500
"""EGP 5, in piastres."""
TOP_UP_MAX: Final = 3_000_000
"""EGP 30,000, in piastres: the most that any rail but the bank's takes at once."""
BANK_TOP_UP_MAX: Final = 7_000_000
"""EGP 70,000, in piastres: the most of one InstaPay transfer."""


class TopUpState(enum.Enum):
    """How a top-up stands. A declined one may still succeed, when somebody pays a voucher that had run out."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class TopUpOrder:
    """A wish to bring money in over a rail, in piastres. `body` is the hash of the whole request."""

    user_id: int
    amount: int
    key: str
    body: bytes = field(repr=False)
    rail: Rail = Rail.SANDBOX

    def check(self, rails: Collection[Rail]) -> None:
        """AppError INVALID_ARGUMENT for an amount that the rail never takes, or a rail that is not one of `rails`."""
        violations = []
        most = BANK_TOP_UP_MAX if self.rail is Rail.BANK else TOP_UP_MAX
        if not TOP_UP_MIN <= self.amount <= most:
            violations.append(FieldViolation("amount_piastres", f"must be {TOP_UP_MIN} to {most}"))
        if self.rail not in rails:
            violations.append(FieldViolation("rail", f"must be one of {', '.join(sorted(r.value for r in rails))}"))
        if violations:
            raise invalid_fields(tuple(violations))


@dataclass(frozen=True, slots=True)
class TopUp:
    """A top-up as recorded, amounts in piastres.

    `balance` is the wallet's just after settling, or now while pending. `is_asked` says that the provider has said
    something, or that it no longer matters. `instruction` is what the person has to do, until `expires_at`: the code to
    pay a voucher with, or the address of a payment page. `reason` is why it was declined.
    """

    top_up_id: int
    user_id: int
    amount: int
    state: TopUpState
    balance: int
    is_asked: bool
    instruction: str = ""
    expires_at: datetime | None = None
    reason: str = ""
