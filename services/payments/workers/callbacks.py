"""The door for providers' callbacks, and what applies them: `python -m services.payments.workers.callbacks`."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

from prometheus_client import Counter

from services.chassis.clock import SystemClock
from services.chassis.http_server import serve
from services.chassis.lifecycle import pause, run_until_signalled, supervised
from services.chassis.metrics import Metrics
from services.chassis.postgres import create_pool
from services.chassis.telemetry import configure_logging, start_metrics_server
from services.payments.adapters.postgres.provider_inbox import PostgresProviderInbox
from services.payments.application.hear_providers import HearProviders
from services.payments.composition.providers import callback_readers
from services.payments.config import callback_settings
from services.payments.http.callback_app import CallbackApp
from services.payments.workers.upkeep import repeat

_HAS_SCHEMA_SQL: Final = "SELECT to_regproc('hear_provider') IS NOT NULL"
_SCHEMA_POLL_S: Final = 0.25


async def main(stop: asyncio.Event) -> None:
    """Take callbacks and apply them until `stop`. SettingsError for wrong settings."""
    settings = callback_settings(os.environ)
    configure_logging("payments-callbacks", json=settings.process.json_logs, level=settings.process.log_level)
    clock, metrics = SystemClock(), Metrics()
    pool = await create_pool(settings.process.database_url, application_name="payments-callbacks", max_size=8)
    if settings.process.metrics_port:
        start_metrics_server(metrics, settings.process.metrics_port)
    taken = Counter(
        "daira_payments_callbacks", "Callbacks by outcome.", ("provider", "outcome"), registry=metrics.registry
    )
    inbox, readers = PostgresProviderInbox(pool), callback_readers(settings.secrets)
    app = CallbackApp(readers, inbox.keep, lambda provider, outcome: taken.labels(provider, outcome).inc())
    hear = HearProviders(inbox, readers, clock, lambda provider, heard: taken.labels(provider, heard.value).inc())
    try:
        # The worker and the migration may start in any order.
        while not stop.is_set() and not await pool.fetchval(_HAS_SCHEMA_SQL):
            await pause(stop, _SCHEMA_POLL_S)
        if not stop.is_set():
            await supervised(
                stop,
                http=serve(app, settings.listen, app, stop),
                hearing=repeat("hear_providers", hear, settings.poll_s, stop),
            )
    finally:
        await pool.close()


if __name__ == "__main__":
    sys.exit(run_until_signalled(main))
