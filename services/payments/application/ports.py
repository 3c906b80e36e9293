"""What the use cases need of the outside: a ledger, records of top-ups, and rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.payments.domain.rates import RateTable
from services.payments.domain.tips import TipPosting, TipResult
from services.payments.domain.top_ups import TopUp
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
    """Reads records of top-ups. AppError UNAVAILABLE when the ledger is away."""

    async def of_key(self, user_id: int, key: str, body: bytes) -> int | None:
        """The top-up of a key, None when there is none. AppError FAILED_PRECONDITION for another body."""
        ...

    async def find(self, top_up_id: int) -> TopUp | None:
        """The record as it stands; None while there is none."""
        ...

    async def refusal(self, top_up_id: int) -> str:
        """Why it was refused before anybody was asked; "" when it was not."""
        ...

    async def due(self, rail: str, limit: int) -> Sequence[int]:
        """At most `limit` top-ups of a rail that are due and that nobody works on."""
        ...


class Rates(Protocol):
    """The rates in force."""

    async def table(self) -> RateTable:
        """Every rate with its dates, at most about a minute old."""
        ...
