"""The provider's desk: takes requests, does them once a reference, and gets into the trouble that was asked for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from dev.sandbox_provider.book import Book, Entry
from dev.sandbox_provider.faults import Fault, FaultPlan

_VOUCHER_LASTS_S: Final = 3 * 24 * 3600.0
# What real ones keep: 2.75 % and EGP 3 of a card's charge, 0.1 % of a payout between 50 piastres and EGP 20.
_CARD_BASIS_POINTS, _CARD_FIXED = 275, 300
_PAYOUT_BASIS_POINTS, _PAYOUT_LEAST, _PAYOUT_MOST = 10, 50, 2000
_BASIS: Final = 10_000
_CALLBACKS_OF_ONE: Final = 3


class LostError(Exception):
    """Nobody answers this request."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: until an operation that is told later settles, until money comes back, and how slow slow is."""

    later_s: float = 2.0
    return_s: float = 2.0
    slow_s: float = 60.0
    callback_s: float = 0.05


class Desk:
    """Does what it is asked over a book."""

    def __init__(self, book: Book, plan: FaultPlan, timing: Timing) -> None:
        self.book = book
        self._plan = plan
        self._timing = timing

    async def take(
        self, reference: str, shape: str, kind: str, amount: int, *, secret: str = "", original: str = ""
    ) -> Entry:
        """A request to do something, with `secret` when it waits for a person; LostError when nobody answers.

        KeyError when the reference is of an operation of another amount.
        """
        faults = self._plan.of(reference, amount)
        if Fault.LOSE_REQUEST in faults and self.book.lose(reference):
            raise LostError
        waits = None if secret else (self._timing.later_s if Fault.LATER in faults else 0.0)
        lasts = _VOUCHER_LASTS_S if shape == "fawry" else None
        entry, is_new = self.book.enter(
            reference, shape, kind, amount, settles_in_s=waits, secret=secret, original=original, lasts_s=lasts
        )
        if entry.amount != amount:
            raise KeyError(reference)
        if waits == 0.0:
            self.settle(entry)
        if is_new and Fault.LOSE_ANSWER in faults:
            raise LostError
        if is_new and Fault.SLOW in faults:
            await asyncio.sleep(self._timing.slow_s)
        found = self.book.find(reference)
        return entry if found is None else found

    def settle(self, entry: Entry, *, declined: bool = False) -> None:
        """Bring a pending operation to its end, and have it told."""
        faults = self._plan.of(entry.reference, entry.amount)
        if declined or Fault.DECLINE in faults:
            changed, state = self.book.settle(entry.reference, "declined", "declined by the sandbox"), "declined"
        else:
            changed, state = self.book.settle(entry.reference, "succeeded", fee=_fee(entry)), "succeeded"
        if not changed:
            return
        if Fault.FORGE in faults:
            opposite = "declined" if state == "succeeded" else "succeeded"
            self.book.call_back(entry.number, opposite, 0.0, is_forged=True)
        if Fault.SILENT not in faults:
            for number in range(_CALLBACKS_OF_ONE if Fault.REPEAT in faults else 1):
                self.book.call_back(entry.number, state, self._timing.callback_s * (number + 1))
        if state == "succeeded" and Fault.RETURN in faults:
            self.book.call_back(entry.number, "returned", self._timing.return_s)

    def give_back(self, entry: Entry, reason: str) -> bool:
        """The money comes back, and that is told."""
        if not self.book.give_back(entry.reference, reason):
            return False
        self.book.call_back(entry.number, "returned", 0.0)
        return True

    def settle_due(self) -> None:
        """Settle what is due by now."""
        for entry in self.book.due():
            self.settle(entry)


def _fee(entry: Entry) -> int:
    if entry.kind == "charge":
        return entry.amount * _CARD_BASIS_POINTS // _BASIS + _CARD_FIXED if entry.amount > _CARD_FIXED else 0
    if entry.kind == "payout":
        return min(_PAYOUT_MOST, max(_PAYOUT_LEAST, entry.amount * _PAYOUT_BASIS_POINTS // _BASIS))
    return 0
