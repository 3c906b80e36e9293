"""What giving money back needs of the outside."""

from __future__ import annotations

from typing import Protocol

from services.payments.domain.chargebacks import Charge
from services.payments.domain.refunds import MoneyBack, Refund


class Refunds(Protocol):
    """Gives back what people received, and reads what is owed. AppError UNAVAILABLE when the ledger is away."""

    async def refund(self, order: MoneyBack, creator_id: int | None) -> Refund:
        """Give back of a transfer, once a key; only of one that `creator_id` received, None for anybody's.

        AppError NOT_FOUND, TRANSFER_NOT_FOUND; FAILED_PRECONDITION with reason NOT_REFUNDABLE,
        REFUND_EXCEEDS_ORIGINAL or IDEMPOTENCY_KEY_REUSED.
        """
        ...

    async def write_off(self, order: MoneyBack) -> int:
        """Book what a person owes as a loss, once a key; the transfer's id.

        AppError FAILED_PRECONDITION with reason NOTHING_OWED or IDEMPOTENCY_KEY_REUSED.
        """
        ...


class Debts(Protocol):
    """What people owe. AppError UNAVAILABLE when the ledger is away."""

    async def owed(self, user_id: int) -> int:
        """What a person owes, in piastres."""
        ...


class Charges(Protocol):
    """Finds what providers did. AppError UNAVAILABLE when the ledger is away."""

    async def of_reference(self, reference: str) -> Charge | None:
        """The charge that a provider, or we, call so; None when there is none."""
        ...

    async def of_top_up(self, top_up_id: int) -> Charge | None:
        """The charge of a top-up; None when there is none, or it has not succeeded."""
        ...

    async def refund_state(self, refund_id: int) -> tuple[str, str]:
        """The state of a refund of a top-up, and why it is in it. LookupError when there is none."""
        ...
