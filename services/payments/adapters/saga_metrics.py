"""How sagas stand, for whoever watches: how many run, how many are stuck, and how late the oldest is."""

from __future__ import annotations

from typing import Final

from prometheus_client import Gauge

from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool, unavailable_as_app_error

# Due sagas that nobody works on are late; a runner that holds one has it.
_STANDING_SQL: Final = """
    SELECT kind, count(*) AS running, count(*) FILTER (WHERE reason LIKE 'stuck:%') AS stuck,
        coalesce(max(extract(epoch FROM clock_timestamp() - wake_at)) FILTER (
            WHERE lease_until IS NULL OR lease_until <= clock_timestamp()), 0)::float8 AS late_s
    FROM sagas WHERE ended_at IS NULL GROUP BY kind
"""


class SagaMetrics:
    """Gauges by kind of saga."""

    def __init__(self, pool: PostgresPool, metrics: Metrics) -> None:
        self._pool = pool
        self._running = self._gauge("running", "Sagas that have not ended.", metrics)
        self._stuck = self._gauge("stuck", "Sagas that met what their machine has no rule for.", metrics)
        self._late = self._gauge("late_seconds", "How long the oldest due saga has waited for a runner.", metrics)

    async def look(self) -> None:
        """Set the gauges anew. AppError UNAVAILABLE."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_STANDING_SQL)
        for gauge in (self._running, self._stuck, self._late):
            gauge.clear()
        for row in rows:
            self._running.labels(row["kind"]).set(row["running"])
            self._stuck.labels(row["kind"]).set(row["stuck"])
            self._late.labels(row["kind"]).set(max(0.0, row["late_s"]))

    @staticmethod
    def _gauge(name: str, text: str, metrics: Metrics) -> Gauge:
        return Gauge(f"daira_payments_sagas_{name}", text, ("kind",), registry=metrics.registry)
