"""What the use cases need of the outside: a ledger, records of top-ups, rates and a payment provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.payments.domain.rates import RateTable
from services.payments.domain.tips import TipPosting, TipResult
from services.payments.domain.top_ups import ProviderOutcome, TopUp, TopUpBeginning, TopUpOrder
from services.payments.domain.wallets import Wallet, WalletEntry


class TipLedger(Protocol):
    """Posts tips, each at most once a sender and key, and never below zero."""

    async def post(self, posting: TipPosting) -> TipResult:
        """Post one tip and its event in one transaction. AppError UNAVAILABLE when the ledger is away."""
        ...


class Wallets(Protocol):
    """Reads wallets and their statements."""

    async def open(self, user_id: int) -> Wallet:
        """The wallet of a person, opened now if there is none."""
        ...

    async def entries(self, user_id: int, *, before: int, limit: int) -> Sequence[WalletEntry]:
        """At most `limit` lines with a number below `before`, newest first; none without a wallet."""
        ...


class TopUps(Protocol):
    """Records of top-ups, written before a provider is called."""

    async def begin(self, order: TopUpOrder) -> tuple[TopUpBeginning, TopUp | None]:
        """Record a pending top-up, or find the one with this key; None when a limit or a reused key refuses it."""
        ...

    async def settle(self, top_up: TopUp, *, succeeded: bool) -> TopUp:
        """Post or decline a pending top-up exactly once; the record as it then stands, whoever settled it."""
        ...

    async def postpone(self, top_up: TopUp, delay_s: float) -> None:
        """The outcome is unknown: inquire again after `delay_s` seconds, not sooner."""
        ...

    async def find(self, top_up_id: int) -> TopUp:
        """The record as it stands."""
        ...

    async def claim_due(self, limit: int) -> Sequence[TopUp]:
        """At most `limit` pending top-ups whose inquiry is due, leased to this caller for a while."""
        ...


class PaymentProvider(Protocol):
    """Somebody who moves money into DAIRA. One reference is one payment, however often it is sent."""

    async def authorise_and_capture(self, reference: str, amount: int) -> ProviderOutcome:
        """Charge `amount` piastres. UNKNOWN after a time-out or an unclear answer; never raises for those."""
        ...

    async def inquire(self, reference: str) -> ProviderOutcome:
        """What became of the payment with this reference."""
        ...


class Rates(Protocol):
    """The rates in force."""

    async def table(self) -> RateTable:
        """Every rate with its dates, at most about a minute old."""
        ...
