"""A tip: what may be asked for, and what comes of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from services.chassis.errors import FieldViolation, failed_precondition, invalid_fields

TIP_MIN: Final = 100
"""EGP 1, in piastres."""
TIP_MAX: Final = 1_000_000
"""EGP 10,000, in piastres."""
_MAX_ID: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class TipOrder:
    """A wish to pay a creator. `body` is the hash of the whole request, which tells a repetition from a reused key."""

    sender_id: int
    recipient_id: int
    amount: int
    post_id: int
    key: str
    body: bytes

    def check(self) -> None:
        """AppError INVALID_ARGUMENT naming every bad field, or FAILED_PRECONDITION, reason SELF_NOT_ALLOWED."""
        violations: list[FieldViolation] = []
        if not 0 < self.recipient_id <= _MAX_ID:
            violations.append(FieldViolation("recipient_id", "must be a user id"))
        if not TIP_MIN <= self.amount <= TIP_MAX:
            violations.append(FieldViolation("amount_piastres", f"must be {TIP_MIN} to {TIP_MAX}"))
        if not 0 <= self.post_id <= _MAX_ID:
            violations.append(FieldViolation("post_id", "must be a post id, or 0"))
        if violations:
            raise invalid_fields(tuple(violations))
        if self.recipient_id == self.sender_id:
            raise failed_precondition("nobody can tip themselves", "SELF_NOT_ALLOWED")


@dataclass(frozen=True, slots=True)
class TipPosting:
    """A tip with its split, ready for the ledger. Amounts in piastres."""

    order: TipOrder
    fee: int
    vat: int


class TipOutcome(enum.Enum):
    """What the ledger did with a posting."""

    POSTED = "posted"
    REPLAYED = "replayed"
    KEY_REUSED = "key_reused"
    INSUFFICIENT = "insufficient"
    CLOSED = "closed"
    """One of the wallets is closed, or the recipient blocked the sender."""
    EACH_LIMIT = "each"
    DAY_LIMIT = "day"
    MONTH_LIMIT = "month"
    HOUR_LIMIT = "hour"
    AGAIN = "again"
    """The recipient's wallet was not there yet: nothing happened, post once more."""


@dataclass(frozen=True, slots=True)
class TipResult:
    """The ledger's answer. The amounts, in piastres, are those first posted, also when the call is a repetition."""

    outcome: TipOutcome
    transfer_id: int = 0
    amount: int = 0
    fee: int = 0
    vat: int = 0
    balance_after: int = 0
