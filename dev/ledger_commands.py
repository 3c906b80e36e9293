"""`daira ledger`: the ledger of the platform that runs here, verified, summed up and reconciled."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

import click

from dev.settings import parse_settings


class _Moment(click.ParamType[datetime]):
    """A moment such as 2026-11-24T10:00, in Cairo unless it says otherwise."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment; click's error for anything else."""
        from services.payments.trial_balance import read_moment  # noqa: PLC0415

        try:
            return read_moment(str(value))
        except ValueError:
            self.fail(f"{value!r} is no moment such as 2026-11-24T10:00", param, ctx)


@click.group()
def ledger() -> None:
    """The ledger: verified, summed up and reconciled."""


@ledger.command("verify")
@click.option("--checkpoint", multiple=True, help="A signed checkpoint from outside, or a file of them; repeatable.")
def ledger_verify(checkpoint: tuple[str, ...]) -> None:
    """Check every transfer and entry against the chain, and the chain against what was signed; exit 1 if wrong."""
    from dev.ledger import verify_ledger  # noqa: PLC0415

    sys.exit(0 if verify_ledger(parse_settings(os.environ), checkpoint) else 1)


@ledger.command("trial-balance")
@click.option("--at", type=_Moment(), help="A moment, in Cairo unless it says otherwise; default: now.")
def ledger_trial_balance(at: datetime | None) -> None:
    """Show what each kind of account holds; exit 1 unless it is zero in all."""
    from dev.ledger import show_trial_balance  # noqa: PLC0415

    sys.exit(0 if show_trial_balance(parse_settings(os.environ), at) else 1)


@ledger.command("reconcile")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="A Cairo day; default: yesterday.")
@click.option("--rail", type=click.Choice(["card", "mobile", "voucher", "bank", "sandbox"]), help="Default: all.")
@click.option(
    "--report", type=click.Path(exists=True, path_type=Path), help="A CSV report or a folder of them; default: sandbox."
)
def ledger_reconcile(day: datetime | None, rail: str | None, report: Path | None) -> None:
    """Compare providers' settlement reports of a day with the ledger; exit 1 when differences are open."""
    from dev.ledger import reconcile  # noqa: PLC0415

    sys.exit(0 if reconcile(parse_settings(os.environ), day and day.date(), rail, report) else 1)


@ledger.command("breaks")
@click.option("--closed", is_flag=True, help="Show those that were closed instead.")
@click.option("--close", "closing", type=click.IntRange(1), help="Close the one with this id; needs --note.")
@click.option("--note", default="", help="What explains the one that is closed.")
def ledger_breaks(closing: int | None, note: str, *, closed: bool) -> None:
    """Show open differences from providers' reports, or close one by hand; exit 1 when any are open."""
    from dev.ledger import close_break, show_breaks  # noqa: PLC0415

    settings = parse_settings(os.environ)
    if closing is not None:
        close_break(settings, closing, note)
        return
    sys.exit(0 if show_breaks(settings, closed=closed) else 1)
