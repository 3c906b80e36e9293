"""What goes wrong with an operation: drawn from a seed and its reference, or asked for by the amount's last digits."""

from __future__ import annotations

import enum
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_HUNDRED: Final = 100


class Fault(enum.Enum):
    """A kind of trouble."""

    DECLINE = "decline"
    """Refused: no money moves."""
    LOSE_ANSWER = "lose_answer"
    """Done, and the first answer never arrives."""
    LOSE_REQUEST = "lose_request"
    """Never arrives the first time: not done, and no answer."""
    SLOW = "slow"
    """Done, and told much later than anybody waits."""
    LATER = "later"
    """Accepted; what becomes of it is told by a callback and by inquiries, later."""
    RETURN = "return"
    """Done, and the money comes back afterwards."""
    REPEAT = "repeat"
    """The callback comes three times."""
    FORGE = "forge"
    """Somebody sends a callback with a wrong signature first, which says the opposite."""
    SILENT = "silent"
    """No callback ever comes."""


# So that people can ask for trouble from an app: 10013 piastres are declined.
BY_ENDING: Final[Mapping[int, Fault]] = {
    13: Fault.DECLINE,
    17: Fault.LOSE_ANSWER,
    19: Fault.LOSE_REQUEST,
    23: Fault.RETURN,
    29: Fault.REPEAT,
    31: Fault.FORGE,
    37: Fault.SLOW,
    41: Fault.LATER,
    43: Fault.SILENT,
}


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """`rates` says how often each fault is drawn; the same seed and reference always have the same ones."""

    seed: int
    rates: Mapping[Fault, float]

    def of(self, reference: str, amount: int) -> frozenset[Fault]:
        """The faults of an operation of `amount` piastres."""
        chance = random.Random(f"{self.seed}:{reference}")
        drawn = {fault for fault in Fault if chance.random() < self.rates.get(fault, 0.0)}
        asked = BY_ENDING.get(amount % _HUNDRED)
        return frozenset(drawn | ({asked} if asked else set()))


def read_rates(text: str) -> dict[Fault, float]:
    """Rates from "slow=0.1,decline=0.05"; ValueError naming what is wrong."""
    rates: dict[Fault, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, rate = part.partition("=")
        rates[Fault(name)] = float(rate)
        if not 0 <= rates[Fault(name)] <= 1:
            raise ValueError(f"{name} is no probability")
    return rates
