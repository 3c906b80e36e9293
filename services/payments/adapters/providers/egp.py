"""Amounts as providers write them: pounds with two decimals, made of whole piastres and never of floats."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

_PIASTRES: Final = 100
_MAX: Final = Decimal(10**13)


def egp(piastres: int) -> str:
    """12345 piastres are "123.45"; ValueError for less than nothing."""
    if piastres < 0:
        raise ValueError("an amount is not below zero")
    return f"{piastres // _PIASTRES}.{piastres % _PIASTRES:02}"


def piastres(text: object) -> int:
    """The piastres of "123.45", 123.45 or 123; ValueError for what is no exact amount."""
    try:
        pounds = Decimal(str(text))
        amount = pounds * _PIASTRES
        if not 0 <= amount <= _MAX or amount != amount.to_integral_value():
            raise ValueError("no exact amount")
    except InvalidOperation:
        raise ValueError("no amount") from None
    return int(amount)
