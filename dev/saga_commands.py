"""`daira saga list|show`: sagas of the platform that runs here, and the path of one."""

from __future__ import annotations

import asyncio
import os

import click

from dev.errors import DevError
from dev.settings import parse_settings


@click.group()
def saga() -> None:
    """Work of several steps that moves money, such as payouts."""


@saga.command("list")
@click.option("--kind", default="", help="Only of this kind, such as payout.")
@click.option("--stuck", is_flag=True, help="Only those that met what their machine has no rule for.")
def saga_list(kind: str, *, stuck: bool) -> None:
    """Show the sagas that have not ended, those that are due first."""
    # Imported here so that `daira --help` works before everything is installed.
    from dev.running import database_that_answers, running_endpoints  # noqa: PLC0415
    from services.payments.show_sagas import listing  # noqa: PLC0415

    url = running_endpoints(parse_settings(os.environ))["PAYMENTS_DATABASE_URL"]
    with database_that_answers("payments"):
        lines = asyncio.run(listing(url, kind=kind, stuck_only=stuck))
    for line in lines:
        click.echo(line)


@saga.command("show")
@click.argument("saga_id", type=click.IntRange(1))
def saga_show(saga_id: int) -> None:
    """Draw the path of a saga: its states, holds, transfers, and what its provider was asked and said."""
    from dev.running import database_that_answers, running_endpoints  # noqa: PLC0415
    from services.payments.show_sagas import path  # noqa: PLC0415

    url = running_endpoints(parse_settings(os.environ))["PAYMENTS_DATABASE_URL"]
    with database_that_answers("payments"):
        lines = asyncio.run(path(url, saga_id))
    if lines is None:
        raise DevError(f"There is no saga {saga_id}.", "`daira saga list` shows those that run.")
    for line in lines:
        click.echo(line)
