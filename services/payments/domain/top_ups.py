"""A top-up: money that a provider brings into a wallet, and the states between asking and having."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from services.chassis.errors import invalid

TOP_UP_MIN: Final = 500
"""EGP 5, in piastres."""
TOP_UP_MAX: Final = 3_000_000
"""EGP 30,000, in piastres."""

_FIRST_DELAY_S: Final = 1.0
_LAST_DELAY_S: Final = 3600.0


class TopUpState(enum.Enum):
    """How a top-up stands. Only PENDING ever changes, and only once."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"


class ProviderOutcome(enum.Enum):
    """What a provider says of a payment."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    UNKNOWN = "unknown"
    """Nobody can tell yet: money may or may not have moved."""
    NEVER_SEEN = "never_seen"
    """Only from an inquiry: no request with this reference ever arrived."""


class TopUpBeginning(enum.Enum):
    """What came of asking for a top-up."""

    BEGUN = "begun"
    KNOWN = "known"
    KEY_REUSED = "key_reused"
    DAY_LIMIT = "day_limit"
    MONTH_LIMIT = "month_limit"


@dataclass(frozen=True, slots=True)
class TopUpOrder:
    """A wish to bring money in. `body` is the hash of the whole request."""

    user_id: int
    amount: int
    key: str
    body: bytes

    def check(self) -> None:
        """AppError INVALID_ARGUMENT when the amount is outside the limits of one top-up."""
        if not TOP_UP_MIN <= self.amount <= TOP_UP_MAX:
            raise invalid("amount_piastres", f"must be {TOP_UP_MIN} to {TOP_UP_MAX}")


@dataclass(frozen=True, slots=True)
class TopUpLimits:
    """Most that may come into one wallet by top-ups, in piastres, a Cairo day and a Cairo month."""

    day: int
    month: int


@dataclass(frozen=True, slots=True)
class TopUp:
    """A top-up as recorded. `balance` is the wallet's just after settling, or now while pending; in piastres."""

    top_up_id: int
    user_id: int
    amount: int
    state: TopUpState
    balance: int
    attempts: int

    @property
    def reference(self) -> str:
        """What the provider knows it by: the same for ever, so that asking twice can never charge twice."""
        return f"daira-{self.top_up_id}"

    @property
    def first_call_runs(self) -> bool:
        """Whether nobody has heard of the provider's answer yet: the first call may still be under way."""
        return self.state is TopUpState.PENDING and self.attempts == 0


def inquiry_delay_s(attempts: int) -> float:
    """Seconds to wait before the next inquiry after `attempts` of them: doubling from one second to one hour."""
    return min(_LAST_DELAY_S, _FIRST_DELAY_S * 2.0 ** min(max(attempts - 1, 0), 20))
