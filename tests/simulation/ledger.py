"""The ledger of a simulation: what the posting functions do, in plain Python."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass

from services.payments.domain.accounts import is_platform
from services.payments.domain.saga import GiveBackLimit, PlaceHold, Projection, Saga, TakeLimit
from services.payments.domain.top_up_machine import CloseTopUp, OpenTopUp
from services.payments.domain.transfers import (
    LedgerOutcome,
    Transfer,
    TransferKind,
    collection,
    owing,
    payer_of,
)


@dataclass
class Hold:
    """Money promised by a saga for a purpose."""

    account_id: int
    amount: int
    is_open: bool = True


class MemoryLedger:
    """Balances, holds and transfers. Wallets are above zero, platform accounts between -999 and -1."""

    def __init__(self) -> None:
        self.posted: Counter[int] = Counter()
        self.held: Counter[int] = Counter()
        self.holds: dict[tuple[int, str], Hold] = {}
        self.transfers: dict[tuple[int, str, str], Transfer] = {}
        self.used: Counter[tuple[int, str]] = Counter()
        self.top_ups: dict[int, str] = {}
        self.collections = 0
        self.limit = 10**9

    def copy(self) -> MemoryLedger:
        """Another one that may be thrown away."""
        other = copy.copy(self)
        other.posted, other.held, other.used = self.posted.copy(), self.held.copy(), self.used.copy()
        other.holds, other.transfers = {key: copy.copy(hold) for key, hold in self.holds.items()}, self.transfers.copy()
        other.top_ups = self.top_ups.copy()
        return other

    def post(self, saga_id: int, transfer: Transfer) -> LedgerOutcome:
        """As post_transfer."""
        name = (transfer.actor_id, transfer.kind.value, transfer.key)
        known = self.transfers.get(name)
        if known is not None:
            return LedgerOutcome.REPLAYED if known.body == transfer.body else LedgerOutcome.KEY_REUSED
        hold = self.holds.get((saga_id, transfer.captures)) if transfer.captures else None
        if transfer.captures and (hold is None or not hold.is_open):
            return LedgerOutcome.HOLD_GONE
        if transfer.reverses_kind is not None and transfer.amount > self.left_of(
            transfer.actor_id, transfer.reverses_kind, transfer.reverses_key
        ):
            return LedgerOutcome.EXCEEDS_ORIGINAL
        if transfer.may_owe:
            payer = payer_of(transfer)
            transfer = owing(transfer, self.posted[payer] - self.held[payer])
        for leg in transfer.legs:
            freed = hold.amount if hold is not None and hold.account_id == leg.account_id else 0
            left = self.posted[leg.account_id] + leg.amount
            if leg.account_id > 0 > leg.amount and left < self.held[leg.account_id] - freed:
                return LedgerOutcome.INSUFFICIENT
        for leg in transfer.legs:
            self.posted[leg.account_id] += leg.amount
        if hold is not None:
            hold.is_open = False
            self.held[hold.account_id] -= hold.amount
        self.transfers[name] = transfer
        return LedgerOutcome.POSTED

    def left_of(self, actor_id: int, kind: TransferKind, key: str) -> int:
        """What of a transfer has not been taken back, or was put back again."""
        original = self.transfers[actor_id, kind.value, key]
        return original.amount - sum(
            self.left_of(actor_id, other.kind, other.key) for other in self.transfers.values()
            if (other.actor_id, other.reverses_kind, other.reverses_key) == (actor_id, kind, key)
        )  # fmt: skip

    def collect(self, user_id: int, *, whole: bool) -> LedgerOutcome:
        """As the collection of debts."""
        owed, available = -self.posted[-user_id], self.posted[user_id] - self.held[user_id]
        amount = min(owed, available)
        if whole and amount < owed:
            return LedgerOutcome.DEBT_OPEN
        if amount > 0:
            self.collections += 1
            return self.post(0, collection(user_id, amount, self.collections))
        return LedgerOutcome.DONE

    def project(self, saga: Saga, action: Projection) -> LedgerOutcome:
        """Rows of a kind; here those of top-ups."""
        match action:
            case OpenTopUp():
                self.top_ups[saga.saga_id] = "pending"
            case CloseTopUp():
                before = self.top_ups[saga.saga_id]
                assert before == "pending" or (before, action.state.value) == ("declined", "succeeded")
                self.top_ups[saga.saga_id] = action.state.value
            case _:
                raise TypeError(f"no rows of {type(action).__name__}")
        return LedgerOutcome.DONE

    def hold(self, saga_id: int, action: PlaceHold) -> LedgerOutcome:
        """As place_hold."""
        known = self.holds.get((saga_id, action.purpose))
        if known is not None:
            return LedgerOutcome.HELD if known.is_open else LedgerOutcome.HOLD_GONE
        if self.posted[action.account_id] - self.held[action.account_id] < action.amount:
            return LedgerOutcome.INSUFFICIENT
        self.holds[saga_id, action.purpose] = Hold(action.account_id, action.amount)
        self.held[action.account_id] += action.amount
        return LedgerOutcome.HELD

    def release(self, saga_id: int, purpose: str) -> LedgerOutcome:
        """As release_hold."""
        hold = self.holds.get((saga_id, purpose))
        if hold is not None and hold.is_open:
            hold.is_open = False
            self.held[hold.account_id] -= hold.amount
        return LedgerOutcome.DONE

    def take(self, action: TakeLimit) -> LedgerOutcome:
        """As take_limit, over one window."""
        if self.used[action.user_id, action.rail] + action.amount > self.limit:
            return LedgerOutcome.DAY_LIMIT
        self.used[action.user_id, action.rail] += action.amount
        return LedgerOutcome.DONE

    def give_back(self, action: GiveBackLimit) -> LedgerOutcome:
        """As give_back_usage."""
        self.used[action.user_id, action.rail] -= action.amount
        return LedgerOutcome.DONE

    def check(self) -> None:
        """Every rule of the ledger that holds at any moment."""
        assert sum(self.posted.values()) == 0
        open_holds: Counter[int] = Counter()
        for hold in self.holds.values():
            if hold.is_open:
                open_holds[hold.account_id] += hold.amount
        assert +self.held == +open_holds
        for account, posted in self.posted.items():
            if account > 0:
                assert posted >= self.held[account] >= 0, account
            else:
                assert is_platform(account) or posted <= 0, account
