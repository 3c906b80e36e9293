"""What `daira ledger` does, on the platform that runs from a home folder."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from dev.chain_verification import given_checkpoints, rows_bar, say
from dev.errors import DevError
from dev.running import database_that_answers, running_endpoints
from dev.settings import DevSettings
from services.chassis.config import SettingsError
from services.chassis.errors import AppError, ErrorKind
from services.payments import reconcile as reconciling
from services.payments import trial_balance
from services.payments.domain.providers import Rail
from services.payments.verify_ledger import report, verify
from services.sealing.key_encryption import KeyEncryptionKeys, decode_key_encryption_key

_T = TypeVar("_T")


def verify_ledger(settings: DevSettings, checkpoints: Sequence[str]) -> bool:
    """Verify and say what was found, with a bar; whether the ledger is intact. DevError when no platform runs."""
    known = running_endpoints(settings)
    keys = KeyEncryptionKeys("payments", decode_key_encryption_key(known["PAYMENTS_KEY_ENCRYPTION_KEY"].encode()))
    outside = given_checkpoints(checkpoints)
    with rows_bar("ledger") as advance:
        verdict = _run(verify(known["PAYMENTS_DATABASE_URL"], keys, outside, advance))
    say(report(verdict))
    return verdict.is_intact


def show_trial_balance(settings: DevSettings, at: datetime | None) -> bool:
    """Say what each kind of account holds; whether it is zero in all. DevError when no platform runs."""
    balance = _run(trial_balance.take(running_endpoints(settings)["PAYMENTS_DATABASE_URL"], at))
    say(trial_balance.report(balance))
    return balance.is_right


def reconcile(settings: DevSettings, day: date | None, rail: str | None, report: Path | None) -> bool:
    """Reconcile and say what came of it; whether nothing is open. DevError when no platform runs, or no report fits."""
    known = running_endpoints(settings)
    url = known["PAYMENTS_DATABASE_URL"]
    rails = [Rail(rail)] if rail else list(Rail)
    if rail is None and report is not None and report.is_file():
        raise DevError("A single report is of one rail.", "Name it with --rail.")
    source = str(report) if report is not None else f"{known['SANDBOX_URL']}/settlements"
    runs = _run(reconciling.reconcile_days(url, rails, day or reconciling.yesterday(), source))
    say(reconciling.run_lines(runs))
    return not any(run.open_breaks for run in runs)


def show_breaks(settings: DevSettings, *, closed: bool) -> bool:
    """Say which differences are open, or were closed; whether none is open. DevError when no platform runs."""
    url = running_endpoints(settings)["PAYMENTS_DATABASE_URL"]
    breaks = _run(reconciling.read_breaks(url, closed=closed))
    say(reconciling.break_lines(breaks))
    return closed or not breaks


def close_break(settings: DevSettings, break_id: int, note: str) -> None:
    """Close a difference; DevError when none is open by that id, or the note says nothing."""
    url = running_endpoints(settings)["PAYMENTS_DATABASE_URL"]
    if not _run(reconciling.close_break(url, break_id, note)):
        raise DevError(f"No open difference has the id {break_id}.", "See `daira ledger breaks`.")
    click.echo("closed")


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    async def refusals_told() -> _T:
        try:
            return await work
        except AppError as error:
            # Only a database that is away is told as such.
            if error.kind is ErrorKind.UNAVAILABLE:
                raise
            raise DevError(error.message, "Correct it, then ask again.") from None

    try:
        with database_that_answers("payments"):
            return asyncio.run(refusals_told())
    except SettingsError as error:
        raise DevError(str(error), "See what `daira run` says.") from None
