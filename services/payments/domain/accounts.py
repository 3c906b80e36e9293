"""The accounts of the ledger: people's wallets and debts, and the platform's own."""

from __future__ import annotations

import enum
from typing import Final

FIRST_PLATFORM_ID: Final = -999
"""Platform accounts are those from here to -1; they are append-only and have no floor."""


class PlatformAccount(enum.IntEnum):
    """The platform's accounts by their ids. A wallet's id is its owner's, a debt's is minus that."""

    FEE = -1
    """Fees earned."""
    VAT = -2
    """VAT on fees, owed to the tax authority."""
    CARD_CLEARING = -3
    """What the card provider holds for us; below zero, for it is owed to the wallets."""
    VOUCHER_CLEARING = -4
    """The same of cash vouchers."""
    MOBILE_CLEARING = -5
    """The same of mobile wallets."""
    BANK_CLEARING = -6
    """The same of bank transfers."""
    PROVIDER_FEES = -7
    """What providers kept; below zero, an expense."""
    LOSSES = -8
    """Charged back and not recovered; below zero, an expense."""
    SUSPENSE = -9
    """Money whose owner is not known yet; zero in a reconciled ledger."""


def recovery_of(user_id: int) -> int:
    """The account of what a person owes, from their user id."""
    return -user_id


def is_platform(account_id: int) -> bool:
    """Whether an account is the platform's."""
    return FIRST_PLATFORM_ID <= account_id < 0
