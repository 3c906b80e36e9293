"""A wallet and the lines of its statement."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.chassis.errors import invalid

PAGE_DEFAULT: Final = 20
PAGE_MAX: Final = 100


class EntryKind(enum.Enum):
    """What a line of a statement tells."""

    TOP_UP = "top_up"
    TIP_SENT = "tip_sent"
    TIP_RECEIVED = "tip_received"
    SUBSCRIPTION_PAID = "subscription_paid"
    SUBSCRIPTION_RECEIVED = "subscription_received"
    PAYOUT = "payout"
    PAYOUT_RETURNED = "payout_returned"
    REFUND_PAID = "refund_paid"
    REFUND_RECEIVED = "refund_received"
    CHARGEBACK = "chargeback"
    RECOVERY = "recovery"
    ADJUSTMENT = "adjustment"
    OTHER = "other"
    """Of a transfer whose kind is newer than this process."""

    @staticmethod
    def of(transfer_kind: str, amount: int) -> EntryKind:
        """What a change of `amount` piastres by a transfer of this kind tells the wallet's owner."""
        paid, received = _BY_TRANSFER.get(transfer_kind, (EntryKind.OTHER, EntryKind.OTHER))
        return received if amount > 0 else paid


# What money out of the wallet and into it means.
_BY_TRANSFER: Final = {
    "top_up": (EntryKind.TOP_UP, EntryKind.TOP_UP),
    "tip": (EntryKind.TIP_SENT, EntryKind.TIP_RECEIVED),
    "subscription": (EntryKind.SUBSCRIPTION_PAID, EntryKind.SUBSCRIPTION_RECEIVED),
    "payout": (EntryKind.PAYOUT, EntryKind.PAYOUT),
    "payout_return": (EntryKind.PAYOUT_RETURNED, EntryKind.PAYOUT_RETURNED),
    "refund": (EntryKind.REFUND_PAID, EntryKind.REFUND_RECEIVED),
    "chargeback": (EntryKind.CHARGEBACK, EntryKind.CHARGEBACK),
    # Taken back, and come back: the sign of the line says which.
    "chargeback_return": (EntryKind.CHARGEBACK, EntryKind.CHARGEBACK),
    "recovery": (EntryKind.RECOVERY, EntryKind.RECOVERY),
    "adjustment": (EntryKind.ADJUSTMENT, EntryKind.ADJUSTMENT),
}


@dataclass(frozen=True, slots=True)
class Wallet:
    """What somebody's wallet holds, in piastres; never negative."""

    user_id: int
    balance: int


@dataclass(frozen=True, slots=True)
class WalletEntry:
    """One line: `amount` and `balance_after` in piastres, `number` counts the wallet's lines from 1 without holes."""

    entry_id: int
    transfer_id: int
    kind: EntryKind
    amount: int
    balance_after: int
    counterparty_id: int
    posted_at: datetime
    number: int


def page_length(asked: int) -> int:
    """Lines on a page: 1 to 100, 20 when 0 was asked; AppError INVALID_ARGUMENT otherwise."""
    if not 0 <= asked <= PAGE_MAX:
        raise invalid("page_size", f"must be 0 to {PAGE_MAX}")
    return asked or PAGE_DEFAULT
