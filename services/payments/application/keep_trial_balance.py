"""Watches that the books balance, and keeps each day's closing sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from services.payments.domain.trial_balance import TrialBalance

_log = structlog.get_logger(__name__)


class TrialBalances(Protocol):
    """Takes trial balances. All methods: AppError UNAVAILABLE when the ledger is away."""

    async def now(self) -> TrialBalance:
        """That of now."""
        ...

    async def keep_closing(self) -> TrialBalance | None:
        """Keep the closing balance of the day before, when it is time; None when that is done."""
        ...


class KeepTrialBalance:
    """One step of upkeep; any number of replicas may do it, and a day is kept once."""

    def __init__(self, balances: TrialBalances, observe: Callable[[TrialBalance], None]) -> None:
        self._balances = balances
        self._observe = observe

    async def __call__(self) -> None:
        """Observe the balance of now, and keep that of the day before when it is due. AppError UNAVAILABLE."""
        balance = await self._balances.now()
        self._observe(balance)
        if not balance.is_right:
            _log.error("ledger_unbalanced", piastres=balance.unbalanced)
        closing = await self._balances.keep_closing()
        if closing is not None:
            _log.info("trial_balance_kept", as_of=str(closing.as_of), unbalanced=closing.unbalanced)
