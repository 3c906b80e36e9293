"""Transfers: legs that sum to zero, and what the ledger says to one."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from services.payments.domain.accounts import recovery_of


class TransferKind(enum.Enum):
    """Why money moved."""

    TIP = "tip"
    TOP_UP = "top_up"
    SUBSCRIPTION = "subscription"
    PAYOUT = "payout"
    PAYOUT_RETURN = "payout_return"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    CHARGEBACK_RETURN = "chargeback_return"
    RECOVERY = "recovery"
    ADJUSTMENT = "adjustment"


@dataclass(frozen=True, slots=True)
class Leg:
    """A change of one account in piastres: above zero in, below zero out."""

    account_id: int
    amount: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer to post, amounts in piastres.

    `amount` is the sum of what comes in, `fee` and `vat` what of it moves to or from those accounts. `key` and `body`
    make it repeatable for its actor and kind. `captures` is the purpose of the saga's hold that it uses up, "" for
    none. `reverses` is the transfer it takes back, 0 for none, or `reverses_kind` and `reverses_key` name it, for the
    same actor. With `may_owe`, what the wallet that pays does not hold is owed: the ledger books it on that person's
    recovery account instead, so that what has already happened elsewhere is never refused and never lost.
    """

    kind: TransferKind
    actor_id: int
    recipient_id: int
    amount: int
    key: str
    body: bytes
    legs: tuple[Leg, ...]
    fee: int = 0
    vat: int = 0
    post_id: int = 0
    captures: str = ""
    reverses: int = 0
    reverses_kind: TransferKind | None = None
    reverses_key: str = ""
    may_owe: bool = False

    def __post_init__(self) -> None:
        """ValueError for legs that do not sum to zero, or not to the amount, or name an account twice."""
        if sum(leg.amount for leg in self.legs) != 0:
            raise ValueError("the legs of a transfer sum to zero")
        if sum(leg.amount for leg in self.legs if leg.amount > 0) != self.amount:
            raise ValueError("what comes in is the amount of a transfer")
        if len({leg.account_id for leg in self.legs}) != len(self.legs) or not all(leg.amount for leg in self.legs):
            raise ValueError("each account has one leg of a transfer, which is not zero")


class LedgerOutcome(enum.Enum):
    """What the ledger says to a transfer, a hold or a limit; only the first four let a transition happen."""

    POSTED = "posted"
    REPLAYED = "replayed"
    HELD = "held"
    DONE = "done"
    KEY_REUSED = "key_reused"
    INSUFFICIENT = "insufficient"
    CLOSED = "closed"
    HOLD_GONE = "hold_gone"
    EXCEEDS_ORIGINAL = "exceeds_original"
    DEBT_OPEN = "debt_open"
    EACH_LIMIT = "each"
    DAY_LIMIT = "day"
    MONTH_LIMIT = "month"
    HOUR_LIMIT = "hour"

    @property
    def is_good(self) -> bool:
        """Whether what was asked for is so now."""
        return self in {LedgerOutcome.POSTED, LedgerOutcome.REPLAYED, LedgerOutcome.HELD, LedgerOutcome.DONE}


def legs(*changes: tuple[int, int]) -> tuple[Leg, ...]:
    """Legs from (account, change) pairs, without those of nothing."""
    return tuple(Leg(account, amount) for account, amount in changes if amount)


def payer_of(transfer: Transfer) -> int:
    """The wallet that pays, of a transfer that may be owed; ValueError when it is not one wallet."""
    paying = [leg.account_id for leg in transfer.legs if leg.account_id > 0 > leg.amount]
    if len(paying) != 1:
        raise ValueError("one wallet pays what may be owed")
    return paying[0]


def owing(transfer: Transfer, available: int) -> Transfer:
    """The transfer with what its payer has `available` taken from the wallet, and the rest owed. In piastres."""
    payer = payer_of(transfer)
    due = -next(leg.amount for leg in transfer.legs if leg.account_id == payer)
    taken = min(due, max(available, 0))
    others = tuple(leg for leg in transfer.legs if leg.account_id != payer)
    return replace(transfer, legs=(*legs((payer, -taken), (recovery_of(payer), taken - due)), *others), may_owe=False)


def collection(user_id: int, amount: int, recovery_version: int) -> Transfer:
    """What somebody owes, taken from their wallet; once for each version of the debt's account."""
    return Transfer(
        TransferKind.RECOVERY, user_id, user_id, amount, f"debt:{recovery_version}", f"{amount}".encode(),
        legs((user_id, -amount), (recovery_of(user_id), amount)),
    )  # fmt: skip
