"""Sagas as processes of payments run them: their store, and a runner of all machines."""

from __future__ import annotations

import os
import socket

from services.payments.adapters.postgres.sagas import PostgresSagas
from services.payments.application.run_sagas import RunSagas
from services.payments.application.saga_ports import Providers
from services.payments.composition.machines import machines
from services.payments.composition.part import Ground


def saga_store(ground: Ground) -> PostgresSagas:
    """The sagas of payments, leased in this process's name."""
    return PostgresSagas(ground.pool, runner=runner_name(), lease_s=ground.settings.saga_lease_s)


def saga_runner(ground: Ground, store: PostgresSagas, providers: Providers | None = None) -> RunSagas:
    """A runner for one saga at a time, so that whoever asks has an answer; without `providers` it asks none of them.

    Then it does what the wallets allow, and leaves the rest to the runner that is a process of its own.
    """
    settings = ground.settings
    return RunSagas(
        store,
        providers,
        machines(settings.payout_batch_at, settings.billing),
        ground.clock,
        provider_timeout_s=settings.provider_timeout_s,
    )


def runner_name() -> str:
    """What this process is called in leases."""
    return f"{socket.gethostname()}:{os.getpid()}"
