"""`python -m services.payments.reconcile day|breaks|close`: providers' reports against the ledger, and differences."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from services.chassis.clock import SystemClock
from services.chassis.config import SettingsError
from services.chassis.errors import AppError, invalid
from services.chassis.postgres import create_pool
from services.payments.adapters.postgres.reconciliations import PostgresReconciliations
from services.payments.adapters.settlement_files import OneReport
from services.payments.adapters.settlement_reports import make_settlement_reports
from services.payments.application.reconcile import Reconcile, Run, StoredBreak
from services.payments.config import database_url, settlement_reports
from services.payments.domain.cairo import cairo_day
from services.payments.domain.providers import Rail

_SHOWN: Final = 500


async def reconcile_days(url: str, rails: Sequence[Rail], day: date, source: str) -> list[Run]:
    """Reconcile a Cairo day of rails with the reports of an address, a folder, or one file; rails without are left out.

    AppError NOT_FOUND when there is no report at all, INVALID_ARGUMENT for one that is none, UNAVAILABLE.
    """
    pool = await create_pool(url, application_name="reconcile", min_size=1, max_size=2)
    store, runs = PostgresReconciliations(pool), list[Run]()
    is_file = await asyncio.to_thread(os.path.isfile, source)
    reports = OneReport(Path(source)) if is_file else make_settlement_reports(source, store)
    if reports is None:
        raise invalid("report", "neither given nor set as PAYMENTS_SETTLEMENT_REPORTS")
    missing: AppError | None = None
    try:
        for rail in rails:
            try:
                runs.append(await Reconcile(store).day(rail, day, reports))
            except AppError as error:
                if error.reason != "SETTLEMENT_REPORT_MISSING":
                    raise
                missing = error
    finally:
        await pool.close()
    if missing is not None and not runs:
        raise missing
    return runs


async def read_breaks(url: str, *, closed: bool) -> Sequence[StoredBreak]:
    """The differences that are open, or closed; at most 500, newest day first. AppError UNAVAILABLE."""
    pool = await create_pool(url, application_name="reconcile", min_size=1, max_size=1)
    try:
        return await PostgresReconciliations(pool).breaks(closed=closed, limit=_SHOWN)
    finally:
        await pool.close()


async def close_break(url: str, break_id: int, note: str) -> bool:
    """Close a difference by an operator's note; False when none is open by that id. AppError."""
    pool = await create_pool(url, application_name="reconcile", min_size=1, max_size=1)
    try:
        return await Reconcile(PostgresReconciliations(pool)).close(break_id, note)
    finally:
        await pool.close()


def yesterday() -> date:
    """The Cairo day before this one."""
    return cairo_day(SystemClock().now()) - timedelta(days=1)


def run_lines(runs: Sequence[Run]) -> list[str]:
    """What came of days, two lines each."""
    lines = []
    for run in runs:
        lines.append(
            f"{run.rail.value} {run.day}: {run.lines:,} lines there, {run.operations:,} operations here, "
            f"{run.matched:,} alike, {run.open_breaks:,} open differences"
        )
        lines.append(
            f"  clearing account: {run.settled_there / 100:,.2f} EGP there, {run.cleared_here / 100:,.2f} EGP here"
        )
    return lines


def break_lines(breaks: Sequence[StoredBreak]) -> list[str]:
    """Differences as people read them, a line each."""
    lines = []
    for one in breaks:
        found = one.found
        end = f"  closed by {one.closed_by}: {found.explanation}" if one.closed_by else ""
        lines.append(f"{one.break_id}  {one.day} {one.rail.value:8} {found.kind.value:14} {found.words}{end}")
    return lines or ["no differences"]


def main(arguments: Sequence[str]) -> int:
    """Run the command and return the exit code: 1 when differences are open or nothing was done, 2 for settings."""
    given = _parser().parse_args(arguments)
    try:
        url = database_url(os.environ)
        if given.command == "day":
            source = given.report or settlement_reports(os.environ)
            rails = [Rail(given.rail)] if given.rail else list(Rail)
            runs = asyncio.run(reconcile_days(url, rails, given.day or yesterday(), source))
            _say(run_lines(runs))
            return 1 if any(run.open_breaks for run in runs) else 0
        if given.command == "breaks":
            breaks = asyncio.run(read_breaks(url, closed=given.closed))
            _say(break_lines(breaks))
            return 1 if breaks and not given.closed else 0
        is_closed = asyncio.run(close_break(url, given.id, given.note))
        _say(["closed" if is_closed else "no open difference has this id"])
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except AppError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0 if is_closed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.payments.reconcile", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    day = commands.add_parser("day", help="reconcile a Cairo day; again gives the same")
    day.add_argument("--day", type=date.fromisoformat, help="default: yesterday in Cairo")
    day.add_argument("--rail", choices=[rail.value for rail in Rail], help="default: every rail with a report")
    day.add_argument("--report", help="a report, a folder or address of them; default: PAYMENTS_SETTLEMENT_REPORTS")
    breaks = commands.add_parser("breaks", help="show open differences; exit 1 when there are any")
    breaks.add_argument("--closed", action="store_true", help="show those that were closed instead")
    close = commands.add_parser("close", help="close a difference by hand")
    close.add_argument("id", type=int)
    close.add_argument("--note", required=True, help="what explains it")
    return parser


def _say(lines: Sequence[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
