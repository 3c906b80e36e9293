"""What providers are asked, and what they say: rails, operations and outcomes."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.payments.domain.accounts import PlatformAccount


class Rail(enum.Enum):
    """How money comes in or goes out."""

    CARD = "card"
    MOBILE = "mobile"
    """A mobile wallet such as Vodafone Cash."""
    VOUCHER = "voucher"
    """Cash at a shop against a code, within days."""
    BANK = "bank"
    """An account at a bank, by InstaPay."""
    SANDBOX = "sandbox"

    @property
    def clearing(self) -> PlatformAccount:
        """Where the provider's money of this rail is booked."""
        return _CLEARING[self]


class OperationKind(enum.Enum):
    """What a provider is to do."""

    CHARGE = "charge"
    REFUND = "refund"
    PAYOUT = "payout"


class OperationState(enum.Enum):
    """How an operation stands; one is only ever followed by a later one."""

    INTENDED = "intended"
    """Written down; it may or may not have been sent."""
    PENDING = "pending"
    """Accepted; the outcome comes later."""
    UNKNOWN = "unknown"
    """Nobody can tell yet: money may or may not have moved."""
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    """Refused: nothing moved."""
    RETURNED = "returned"
    """Succeeded, and came back later."""

    @property
    def is_settled(self) -> bool:
        """Whether the outcome is known."""
        return self in {OperationState.SUCCEEDED, OperationState.DECLINED, OperationState.RETURNED}

    def may_become(self, later: OperationState) -> bool:
        """Whether news of `later` is news: words of a provider come late, twice and out of order."""
        if self is OperationState.SUCCEEDED:
            return later is OperationState.RETURNED
        return not self.is_settled and later is not self and later is not OperationState.INTENDED


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing asked of a provider, under one reference for ever. Amounts in piastres.

    `purpose` names it in its saga; `destination_id` is the instrument that a payout goes to or that is charged,
    `original_id` the operation that a refund takes back; 0 for none. `instruction` is what the person has to do.
    """

    operation_id: int
    saga_id: int
    purpose: str
    kind: OperationKind
    rail: Rail
    amount: int
    destination_id: int = 0
    original_id: int = 0
    state: OperationState = OperationState.INTENDED
    provider_reference: str = ""
    provider_reason: str = ""
    provider_fee: int = 0
    instruction: str = ""
    instruction_expires_at: datetime | None = None

    @property
    def reference(self) -> str:
        """What the provider knows it by: the same for ever, so that asking twice never moves money twice."""
        return f"daira-{self.operation_id}"


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What a provider said. `never_seen`: only from an inquiry, no request with the reference ever arrived.

    `instruction` is what the person has to do before it goes on: a voucher's code, or the address of a payment page;
    `expires_at` until when.
    """

    state: OperationState
    provider_reference: str = ""
    reason: str = ""
    fee: int = 0
    never_seen: bool = False
    instruction: str = ""
    expires_at: datetime | None = None


NO_ANSWER: Final = ProviderAnswer(OperationState.UNKNOWN)
"""A time-out, a broken connection, an answer that makes no sense."""

_CLEARING: Final = {
    Rail.CARD: PlatformAccount.CARD_CLEARING,
    Rail.SANDBOX: PlatformAccount.CARD_CLEARING,
    Rail.VOUCHER: PlatformAccount.VOUCHER_CLEARING,
    Rail.MOBILE: PlatformAccount.MOBILE_CLEARING,
    Rail.BANK: PlatformAccount.BANK_CLEARING,
}
