"""A trial balance: what each kind of account holds at one moment, which together is nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.payments.domain.accounts import PlatformAccount

PEOPLES_KINDS = ("wallet", "recovery")
"""Kinds of which each person has an account; of the others the platform has one each."""


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Sums in piastres by kind of account, as of a moment; None for now."""

    sums: Mapping[str, int]
    as_of: datetime | None = None

    @property
    def unbalanced(self) -> int:
        """What all accounts hold together, in piastres: zero, or the books are wrong."""
        return sum(self.sums.values())

    @property
    def is_right(self) -> bool:
        """Whether nothing is missing and nothing too much."""
        return self.unbalanced == 0

    def then(self, changes: Mapping[str, int], as_of: datetime) -> TrialBalance:
        """The balance of a later moment, from what changed until then."""
        kinds = {*self.sums, *changes}
        return TrialBalance({kind: self.sums.get(kind, 0) + changes.get(kind, 0) for kind in sorted(kinds)}, as_of)


KIND_OF = {
    PlatformAccount.FEE: "fee",
    PlatformAccount.VAT: "vat",
    PlatformAccount.CARD_CLEARING: "provider_clearing",
    PlatformAccount.VOUCHER_CLEARING: "voucher_clearing",
    PlatformAccount.MOBILE_CLEARING: "mobile_clearing",
    PlatformAccount.BANK_CLEARING: "bank_clearing",
    PlatformAccount.PROVIDER_FEES: "provider_fees",
    PlatformAccount.LOSSES: "losses",
    PlatformAccount.SUSPENSE: "suspense",
}
"""The kind of each of the platform's accounts."""
