"""The runner of sagas, which alone asks providers: `python -m services.payments.workers.sagas`."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

import structlog
from prometheus_client import Counter

from services.chassis.access import AccessTable
from services.chassis.clock import SystemClock
from services.chassis.config import Env
from services.chassis.lifecycle import pause, run_until_signalled, supervised
from services.chassis.metrics import Metrics
from services.chassis.postgres import create_pool
from services.chassis.server import ServerBuilder, ServerSettings, serve
from services.chassis.telemetry import configure_logging, start_metrics_server
from services.payments.adapters.instrument_box import InstrumentBox
from services.payments.adapters.postgres.instruments import PostgresInstruments
from services.payments.adapters.postgres.sagas import PostgresSagas
from services.payments.adapters.saga_metrics import SagaMetrics
from services.payments.application.run_sagas import RunSagas
from services.payments.composition.machines import machines
from services.payments.composition.providers import make_providers
from services.payments.composition.sagas import runner_name
from services.payments.config import saga_settings
from services.payments.workers.upkeep import repeat
from services.sealing.root_key import has_root_key_table, load_root_key

_SCHEMA_POLL_S: Final = 0.25
_LOOK_EVERY_S: Final = 10.0

_log = structlog.get_logger(__name__)


async def main(stop: asyncio.Event) -> None:
    """Run sagas until `stop`. SettingsError for wrong settings."""
    settings = saga_settings(os.environ)
    env = Env(os.environ)
    server_settings = ServerSettings.from_env(env)
    env.finish()
    configure_logging("payments-sagas", json=settings.process.json_logs, level=settings.process.log_level)
    keys = settings.key_encryption.read()
    clock, metrics = SystemClock(), Metrics()
    pool = await create_pool(settings.process.database_url, application_name="payments-sagas", max_size=8)
    if settings.process.metrics_port:
        start_metrics_server(metrics, settings.process.metrics_port)
    # The worker and the migration may start in any order.
    while not stop.is_set() and not await has_root_key_table(pool):
        await pause(stop, _SCHEMA_POLL_S)
    root_key = await load_root_key(pool, keys)
    sagas = PostgresSagas(pool, runner=runner_name(), lease_s=settings.lease_s)
    instruments = PostgresInstruments(pool, InstrumentBox(root_key))
    run = RunSagas(
        sagas, make_providers(settings, pool, instruments, clock),
        machines(settings.payout_batch_at, settings.billing), clock,
        provider_timeout_s=settings.provider_timeout_s, at_once=settings.at_once,
    )  # fmt: skip
    worked = Counter("daira_payments_sagas_worked", "Times that a saga was worked on.", registry=metrics.registry)
    standing = SagaMetrics(pool, metrics)

    async def work() -> int:
        count = await run()
        worked.inc(count)
        return count

    tasks = {
        "sagas": repeat("run_sagas", work, settings.poll_s, stop),
        "standing": repeat("look_at_sagas", standing.look, _LOOK_EVERY_S, stop),
    }
    if settings.health_listen:
        builder = ServerBuilder(
            "payments-sagas", settings.health_listen, clock=clock, verifier=None, access_table=AccessTable({}),
            metrics=metrics, settings=server_settings,
        )  # fmt: skip
        tasks["health"] = serve(builder, stop)
    else:
        _log.info("ready")
    try:
        await supervised(stop, **tasks)
    finally:
        await pool.close()


if __name__ == "__main__":
    sys.exit(run_until_signalled(main))
