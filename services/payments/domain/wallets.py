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
