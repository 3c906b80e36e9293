"""Where providers' settlement reports come from, as the settings say."""

from __future__ import annotations

from pathlib import Path

from services.payments.adapters.postgres.reconciliations import PostgresReconciliations
from services.payments.adapters.providers.settlement_report import HttpSettlementReports
from services.payments.adapters.settlement_files import FileSettlementReports
from services.payments.application.reconcile import SettlementReports


def make_settlement_reports(source: str, store: PostgresReconciliations) -> SettlementReports | None:
    """The reports at an address, or in a folder; None when `source` is empty."""
    if source.startswith(("http://", "https://")):
        return HttpSettlementReports(source, store)
    return FileSettlementReports(Path(source)) if source else None
