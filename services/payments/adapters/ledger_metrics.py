"""How the ledger stands, for whoever watches: how far its sealing is, and what each account holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prometheus_client import Gauge

from services.chassis.metrics import Metrics
from services.payments.application.ledger_chain_ports import SealLag
from services.payments.application.reconcile import OpenBreaks
from services.payments.domain.reconciliation import BreakKind
from services.payments.domain.trial_balance import TrialBalance

_PREFIX: Final = "daira_payments_ledger"


class LedgerMetrics:
    """Gauges of the ledger."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self._lag = Gauge(f"{_PREFIX}_seal_lag_seconds", "Age of the oldest unsealed transfer.", registry=registry)
        self._unsealed = Gauge(
            f"{_PREFIX}_unsealed_transfers", "Transfers that are not sealed, at most 100,000.", registry=registry
        )
        self._sealed = Gauge(f"{_PREFIX}_sealed_rows", "Transfers and entries that are sealed.", registry=registry)
        self._balances = Gauge(
            f"{_PREFIX}_balance_piastres", "What the accounts of a kind hold.", ("account",), registry=registry
        )
        self._unbalanced = Gauge(
            f"{_PREFIX}_unbalanced_piastres", "What all accounts hold: zero, or the books are wrong.", registry=registry
        )

        self._breaks = Gauge(
            f"{_PREFIX}_open_breaks", "Differences from providers' reports that are open.", ("kind",), registry=registry
        )
        self._break_age = Gauge(
            f"{_PREFIX}_open_break_age_seconds", "Age of the oldest open difference.", ("kind",), registry=registry
        )

    def breaks(self, open_breaks: Sequence[OpenBreaks]) -> None:
        """What is open of each kind; 0 for the others."""
        counts = {one.kind: (one.count, one.oldest_age_s) for one in open_breaks}
        for kind in BreakKind:
            count, age_s = counts.get(kind, (0, 0.0))
            self._breaks.labels(kind.value).set(count)
            self._break_age.labels(kind.value).set(age_s)

    def lag(self, lag: SealLag) -> None:
        """How far sealing is behind."""
        self._lag.set(max(0.0, lag.oldest_age_s))
        self._unsealed.set(lag.transfers)
        self._sealed.set(lag.sealed_rows)

    def balance(self, balance: TrialBalance) -> None:
        """What each kind of account holds; of the platform's each is a kind."""
        for kind, piastres in balance.sums.items():
            self._balances.labels(kind).set(piastres)
        self._unbalanced.set(balance.unbalanced)
