"""Top-ups over the sandbox on a ledger without a process."""

from __future__ import annotations

from services.chassis.clock import SystemClock
from services.chassis.postgres import PostgresPool
from services.payments.adapters.postgres.sagas import PostgresSagas
from services.payments.adapters.postgres.top_ups import PostgresTopUps
from services.payments.adapters.providers.routing import RoutedProviders
from services.payments.adapters.sandbox_provider import SandboxProvider
from services.payments.application.run_sagas import RunSagas
from services.payments.application.saga_ports import Providers
from services.payments.application.top_up import RunTopUps, TakeTopUp
from services.payments.domain.providers import Rail
from services.payments.domain.top_up_machine import TopUpMachine


def taking(
    pool: PostgresPool, providers: Providers | None = None, *, here: frozenset[Rail] = frozenset({Rail.SANDBOX})
) -> tuple[TakeTopUp, RunTopUps]:
    """The use case, and what goes on with top-ups that nobody waits for; `here` are the rails asked in it."""
    providers = providers or RoutedProviders({Rail.SANDBOX: SandboxProvider(pool)}, {})
    sagas, top_ups = PostgresSagas(pool, runner="test", lease_s=30), PostgresTopUps(pool)
    runner, elsewhere = (
        RunSagas(sagas, one, [TopUpMachine()], SystemClock(), provider_timeout_s=1) for one in (providers, None)
    )
    take = TakeTopUp(sagas, top_ups, runner, elsewhere, rails=frozenset(Rail), here=here, wait_s=1)
    return take, RunTopUps(top_ups, runner, here)
