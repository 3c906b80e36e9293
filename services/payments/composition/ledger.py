"""What runs beside the ledger, put together: its sealing, its trial balances and reconciliation."""

from __future__ import annotations

from typing import Final

from services.payments.adapters.ledger_metrics import LedgerMetrics
from services.payments.adapters.postgres.ledger_keys import ledger_key_box
from services.payments.adapters.postgres.ledger_seals import PostgresLedgerSeals
from services.payments.adapters.postgres.reconciliations import PostgresReconciliations
from services.payments.adapters.postgres.trial_balances import PostgresTrialBalances
from services.payments.adapters.settlement_reports import make_settlement_reports
from services.payments.application.keep_trial_balance import KeepTrialBalance
from services.payments.application.reconcile import ReconcileNightly
from services.payments.application.seal_ledger import SealLedger
from services.payments.composition.part import Chore, Ground
from services.payments.domain.providers import Rail

# Few large seals cost less than many small ones; what is promised is 5 s.
_SEAL_S: Final = 1.0
_BALANCE_S: Final = 60.0
_RECONCILE_S: Final = 600.0


def ledger_chores(ground: Ground) -> tuple[Chore, ...]:
    """The chores, of every replica."""
    metrics = LedgerMetrics(ground.metrics)
    seals = PostgresLedgerSeals(ground.pool, ledger_key_box(ground.root_key), ground.clock)
    balances = PostgresTrialBalances(ground.pool, ground.clock, ground.settings.trial_balance_at)
    reconciliations = PostgresReconciliations(ground.pool)

    async def watch_breaks() -> None:
        metrics.breaks(await reconciliations.open_counts())

    chores = [
        Chore("seal_ledger", SealLedger(seals, ground.clock, metrics.lag), _SEAL_S),
        Chore("keep_trial_balance", KeepTrialBalance(balances, metrics.balance), _BALANCE_S),
        Chore("watch_breaks", watch_breaks, _BALANCE_S),
    ]
    reports = make_settlement_reports(ground.settings.settlement_reports, reconciliations)
    if reports is not None:
        after = ground.settings.trial_balance_at
        nightly = ReconcileNightly(reconciliations, reports, tuple(Rail), ground.clock, after)
        chores.append(Chore("reconcile", nightly, _RECONCILE_S))
    return tuple(chores)
