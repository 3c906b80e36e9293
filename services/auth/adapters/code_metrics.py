"""What becomes of requests for codes, and how much of the shared budgets is spent, as Prometheus metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.auth.application.code_ports import BudgetUse


class CodeRequestMetrics:
    """Metrics of one process; what is used is as of its own last code, the budgets being counted by all replicas."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "daira_auth_code_requests",
            "Codes asked for: accepted, repeated, or the budget that was spent.",
            ("outcome",),
            registry=registry,
        )
        labels = ("scope", "window_s")
        self._used = Gauge("daira_auth_code_budget_used", "Codes of a shared budget spent.", labels, registry=registry)
        self._allowed = Gauge("daira_auth_code_budget_allowed", "Codes it allows.", labels, registry=registry)

    def ended(self, outcome: str) -> None:
        """A request ended so."""
        self._requests.labels(outcome).inc()

    def used(self, use: BudgetUse) -> None:
        """So much of a shared budget is used."""
        labels = (use.charge.scope.name.lower(), str(int(use.charge.window.total_seconds())))
        self._used.labels(*labels).set(use.used)
        self._allowed.labels(*labels).set(use.charge.allowed)
