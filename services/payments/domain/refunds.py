"""Refunds: what is given back of a transfer, exact to the piastre however many parts it is given back in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from services.chassis.errors import FieldViolation, failed_precondition, invalid_fields
from services.chassis.ids import MAX_ID
from services.payments.domain.accounts import PlatformAccount, recovery_of
from services.payments.domain.splits import Split
from services.payments.domain.transfers import Transfer, TransferKind, legs

REFUNDABLE: Final = (TransferKind.TIP, TransferKind.SUBSCRIPTION)
"""What its recipient may give back; a top-up goes back by its provider."""
_REASON_CHARS: Final = (3, 200)
_AMOUNT_MAX: Final = 10**12


@dataclass(frozen=True, slots=True)
class MoneyBack:
    """Money that somebody wants to go back, in piastres; 0 for all that is left.

    `subject_id` is the transfer, top-up or person that it is about. `body` is the hash of the whole request.
    """

    subject_id: int
    amount: int
    reason: str
    key: str
    body: bytes = field(repr=False)
    asked_by: int = 0

    def check(self) -> None:
        """AppError INVALID_ARGUMENT naming every bad field."""
        violations: list[FieldViolation] = []
        low, high = _REASON_CHARS
        if not 0 < self.subject_id <= MAX_ID:
            violations.append(FieldViolation("id", "must be an id"))
        if not 0 <= self.amount <= _AMOUNT_MAX:
            violations.append(FieldViolation("amount_piastres", f"must be 1 to {_AMOUNT_MAX}, or 0 for all"))
        if not low <= len(self.reason) <= high or not self.reason.isprintable():
            violations.append(FieldViolation("reason", f"must have {low} to {high} characters on one line"))
        if violations:
            raise invalid_fields(tuple(violations))

    @property
    def scoped_key(self) -> str:
        """The key, apart from those of anybody else who may move the same person's money."""
        return f"{self.asked_by}:{self.key}"


@dataclass(frozen=True, slots=True)
class Original:
    """A posted transfer: `payer_id` paid `paid.amount`, of which `creator_id` received what the platform did not."""

    transfer_id: int
    kind: TransferKind
    payer_id: int
    creator_id: int
    paid: Split
    post_id: int = 0


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as posted, in piastres: `owed` of it was not in the creator's wallet, and is owed by them now."""

    refund_id: int
    original_id: int
    amount: int
    fee: int
    vat: int
    owed: int


def part_of(paid: Split, before: int, amount: int) -> Split:
    """What of `amount` comes from the creator, the fee and the VAT, when `before` was given back already.

    In proportion, by what has been given back altogether: whatever the parts, no leg is ever below zero, none gives
    back more than it took, and once everything is given back each has given back exactly what it took. What the
    platform gives back is rounded down until then. ValueError for more than is left, or for nothing.
    """
    if not 0 <= before < before + amount <= paid.amount:
        raise ValueError("more than is left of it, or nothing")
    (fee_before, vat_before), (fee, vat) = _given(paid, before), _given(paid, before + amount)
    return Split(amount, fee - fee_before, vat - vat_before)


def _given(paid: Split, amount: int) -> tuple[int, int]:
    """Fee and VAT of the first `amount` piastres given back; the VAT is a part of the whole charge's part."""
    charge = paid.fee + paid.vat
    if charge == 0:
        return 0, 0
    given = charge * amount // paid.amount
    vat = paid.vat * given // charge
    return given - vat, vat


def refund_of(order: MoneyBack, original: Original, before: int) -> Transfer:
    """The transfer that gives back what is asked, `before` having been given back already.

    AppError FAILED_PRECONDITION with reason NOT_REFUNDABLE, or REFUND_EXCEEDS_ORIGINAL for more than is left.
    """
    if original.kind not in REFUNDABLE:
        raise failed_precondition("only tips and subscriptions are given back by whom they paid", "NOT_REFUNDABLE")
    left = original.paid.amount - before
    amount = order.amount or left
    if not 0 < amount <= left:
        raise failed_precondition("more than is left of the payment", "REFUND_EXCEEDS_ORIGINAL")
    part = part_of(original.paid, before, amount)
    return Transfer(
        TransferKind.REFUND, original.creator_id, original.payer_id, amount, order.scoped_key, order.body,
        legs((original.creator_id, -part.received), (PlatformAccount.FEE, -part.fee), (PlatformAccount.VAT, -part.vat),
             (original.payer_id, amount)),
        fee=part.fee, vat=part.vat, post_id=original.post_id, reverses=original.transfer_id,
        may_owe=part.received > 0,
    )  # fmt: skip


def write_off(order: MoneyBack, owed: int) -> Transfer:
    """What somebody owes and will not pay, booked as a loss. AppError FAILED_PRECONDITION, NOTHING_OWED."""
    amount, debtor = order.amount or owed, order.subject_id
    if not 0 < amount <= owed:
        raise failed_precondition("more than is owed", "NOTHING_OWED")
    return Transfer(
        TransferKind.ADJUSTMENT, debtor, debtor, amount, f"write-off:{order.scoped_key}", order.body,
        legs((PlatformAccount.LOSSES, -amount), (recovery_of(debtor), amount)),
    )  # fmt: skip
