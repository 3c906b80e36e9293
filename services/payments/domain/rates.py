"""Rates with the dates from which they hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

TIP_FEE: Final = "tip_fee"
"""The platform's fee, of a tip's amount."""
SUBSCRIPTION_FEE: Final = "subscription_fee"
"""The platform's fee, of what a subscription costs."""
VAT: Final = "vat"
"""Value-added tax, of the fee."""


@dataclass(frozen=True, slots=True)
class Rate:
    """One rate in basis points (1/100 of a per cent) that holds from a moment (UTC) until the next of its name."""

    name: str
    effective_from: datetime
    basis_points: int


class RateTable:
    """Every rate there is or was; which one holds is a question of the moment asked about."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        self._newest_first = sorted(rates, key=lambda rate: rate.effective_from, reverse=True)

    def basis_points(self, name: str, at: datetime) -> int:
        """The rate of `name` at a moment; LookupError when none holds then: an unknown rate is never taken as zero."""
        for rate in self._newest_first:
            if rate.name == name and rate.effective_from <= at:
                return rate.basis_points
        raise LookupError(f"no rate {name} holds at {at.isoformat()}")
