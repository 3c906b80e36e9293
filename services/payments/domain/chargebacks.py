"""Chargebacks: what a provider says of a charge that its payer disputes."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from services.payments.domain.providers import Rail


class ChargebackStage(enum.Enum):
    """How far a dispute is."""

    OPENED = "opened"
    """The provider took the money back until it is decided."""
    WON = "won"
    """Decided for us: the money is ours again."""
    LOST = "lost"
    """Decided for the payer."""


@dataclass(frozen=True, slots=True)
class ChargebackNews:
    """A provider's word, amounts in piastres.

    `charge_reference` is the provider's of the charge, or ours. News come late, twice and out of order: `dispute_id`
    says of what dispute they are, `occurred_at` by the provider's clock which of them is the newer. `fee` is what the
    provider keeps for a dispute that was lost.
    """

    charge_reference: str
    dispute_id: str
    amount: int
    stage: ChargebackStage
    occurred_at: datetime
    fee: int = 0


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge that a provider did for a person; `transfer_key` is that of the top-up it is booked as, "" if none."""

    operation_id: int
    user_id: int
    rail: Rail
    amount: int
    transfer_key: str


class Heard(enum.Enum):
    """What became of a word of a provider."""

    TAKEN = "taken"
    """It is written down, and acted on."""
    TOO_EARLY = "too_early"
    """The charge is not booked yet: to be said again."""
    NO_SUCH_CHARGE = "no_such_charge"
    """Nobody charged that here, or less: somebody has to look."""
    OVER = "over"
    """The dispute was closed long ago: somebody has to look."""
