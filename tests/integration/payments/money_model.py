"""What the ledger's functions must do, in plain Python: balances, holds, transfers, what is taken back, and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

CLEARING, FEE, VAT = -6, -1, -2
UNDOES = {"refund", "payout", "recovery"}


@dataclass
class Hold:
    """What a saga holds of a wallet."""

    hold_id: int
    account: int
    amount: int
    is_over: bool
    state: str = "open"


@dataclass
class Kept:
    """A transfer that was posted."""

    transfer_id: int
    body: bytes
    balance_after: int
    actor: int
    recipient: int
    amount: int


@dataclass
class Model:
    """Every rule in the order in which the ledger looks at them; each method says what the ledger must say."""

    people: Sequence[int]
    posted: Counter[int] = field(default_factory=Counter)
    held: Counter[int] = field(default_factory=Counter)
    closed: set[int] = field(default_factory=set)
    blocked: set[tuple[int, int]] = field(default_factory=set)
    holds: dict[int, Hold] = field(default_factory=dict)
    kept: dict[tuple[str, int, str], Kept] = field(default_factory=dict)
    taken_back: Counter[int] = field(default_factory=Counter)
    tipped: Counter[int] = field(default_factory=Counter)
    used: Counter[int] = field(default_factory=Counter)
    tip_limit: int = 0
    card_limit: int = 0

    def available(self, account: int) -> int:
        return self.posted[account] - self.held[account]

    def _known(self, kind: str, actor: int, key: str, body: bytes) -> str:
        known = self.kept.get((kind, actor, key))
        if known is None:
            return ""
        return "replayed" if known.body == body else "key_reused"

    def tip(self, sender: int, recipient: int, amount: int, key: str, body: bytes) -> str:
        if known := self._known("tip", sender, key, body):
            return known
        if self.available(sender) < amount:
            return "insufficient"
        if {sender, recipient} & self.closed or (recipient, sender) in self.blocked:
            return "closed"
        return "posted" if self.tipped[sender] + amount <= self.tip_limit else "day"

    def hold(self, account: int, amount: int, saga: int) -> str:
        """ValueError where the ledger raises."""
        known = self.holds.get(saga)
        if known is not None:
            if (known.account, known.amount) != (account, amount):
                raise ValueError("another hold")
            return "held" if known.state == "open" else known.state
        if self.available(account) < amount:
            return "insufficient"
        return "closed" if account in self.closed else "held"

    def resolve(self, saga: int, state: str) -> str:
        hold = self.holds[saga]
        if hold.state == "open":
            hold.state = state
            self.held[hold.account] -= hold.amount
        return hold.state

    def expire(self) -> int:
        over = [saga for saga, hold in self.holds.items() if hold.state == "open" and hold.is_over]
        for saga in over:
            self.resolve(saga, "expired")
        return len(over)

    def transfer(
        self, kind: str, actor: int, legs: Sequence[tuple[int, int]], key: str, body: bytes, *, saga: int = 0,
        reverses: Kept | None = None,
    ) -> str:  # fmt: skip
        """ValueError where a rule of the tables must refuse it."""
        if known := self._known(kind, actor, key, body):
            return known
        hold = self.holds.get(saga)
        freed: Counter[int] = Counter()
        if saga:
            assert hold is not None
            if hold.account not in dict(legs):
                raise ValueError("the hold's wallet has no leg")
            if hold.state != "open":
                return "hold_gone"
            freed[hold.account] = hold.amount
        total = sum(amount for _, amount in legs if amount > 0)
        if reverses is not None and self.taken_back[reverses.transfer_id] + total > reverses.amount:
            return "exceeds_original"
        own = [account for account, _ in legs if account > 0]
        if kind not in UNDOES and set(own) & self.closed:
            return "closed"
        for account, change in legs:
            if account > 0 > change and self.posted[account] + change < self.held[account] - freed[account]:
                return "insufficient"
        for account, change in legs:
            if account < -999 and self.posted[account] + change > 0:
                raise ValueError("nobody owes less than nothing")
        return "posted"

    def book(self, kind: str, kept: Kept, legs: Sequence[tuple[int, int]], key: str, *, saga: int = 0) -> None:
        """What follows when it was posted."""
        for account, change in legs:
            self.posted[account] += change
        if saga:
            self.resolve(saga, "captured")
        self.kept[kind, kept.actor, key] = kept

    def card(self, person: int, amount: int) -> str:
        return "within" if self.used[person] + amount <= self.card_limit else "day"
