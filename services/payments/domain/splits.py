"""How an amount of money is split between creator, platform and VAT, exact to the piastre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BASIS_POINTS: Final = 10_000
"""One hundred per cent in basis points."""


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of one amount in piastres; they sum to it exactly."""

    amount: int
    fee: int
    vat: int

    @property
    def received(self) -> int:
        """What the creator receives: the remainder, so that no piastre is made or lost."""
        return self.amount - self.fee - self.vat


def split_tip(amount: int, *, fee_basis_points: int, vat_basis_points: int) -> Split:
    """Split `amount` piastres (above zero): fee = amount x fee rate, VAT = fee x VAT rate, the creator has the rest.

    Fee and VAT are each rounded to the nearest piastre, halves to the even one, so that over many tips rounding favours
    nobody. ValueError for a negative amount, or rates outside 0..10000 or which together leave the creator nothing.
    """
    if amount <= 0:
        raise ValueError("only an amount above zero is split")
    if not (0 <= fee_basis_points <= BASIS_POINTS and 0 <= vat_basis_points <= BASIS_POINTS):
        raise ValueError(f"rates are 0 to {BASIS_POINTS} basis points")
    fee = share(amount, fee_basis_points)
    split = Split(amount, fee, share(fee, vat_basis_points))
    if split.received <= 0:
        raise ValueError("the rates leave the creator nothing")
    return split


def share(amount: int, basis_points: int) -> int:
    """`basis_points` of `amount` piastres, rounded half to even. Whole numbers only: no float ever sees money."""
    quotient, remainder = divmod(amount * basis_points, BASIS_POINTS)
    twice = 2 * remainder
    if twice > BASIS_POINTS or (twice == BASIS_POINTS and quotient % 2 == 1):
        return quotient + 1
    return quotient
