"""Sagas for operators: python -m services.payments.show_sagas list [--kind K] [--stuck] | show ID."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from services.chassis.config import SettingsError
from services.chassis.postgres import PostgresConnection
from services.payments.adapters.postgres.saga_archive import Happening, SagaRecord, read_saga, running_sagas
from services.payments.config import database_url
from services.payments.domain.cairo import CAIRO

_CONNECT_TIMEOUT_S: Final = 10.0
_SHOWN: Final = 200
_LANES: Final = {"state": "●", "signal": "▸", "provider": "⇄", "hold": "▪", "ledger": "£"}


async def listing(url: str, *, kind: str = "", stuck_only: bool = False) -> list[str]:
    """A line for each saga that has not ended, those that are due first; at most 200."""
    connection: PostgresConnection = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S)
    try:
        found = await running_sagas(connection, kind=kind, stuck_only=stuck_only, limit=_SHOWN)
    finally:
        await connection.close()
    return [_line(record) for record in found] or ["no saga runs" + (" that is stuck" if stuck_only else "")]


async def path(url: str, saga_id: int) -> list[str] | None:
    """The path of a saga, drawn in the order of time; None when there is none of that id."""
    connection: PostgresConnection = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S)
    try:
        found = await read_saga(connection, saga_id)
    finally:
        await connection.close()
    return None if found is None else drawn(*found)


def drawn(record: SagaRecord, happenings: Sequence[Happening]) -> list[str]:
    """The lines of a path: states along a stem, what else happened beside it."""
    lines = [f"{record.kind} {record.saga_id} of person {record.subject_id}", _standing(record), ""]
    day = ""
    for happening in happenings:
        local = happening.at.astimezone(CAIRO)
        if f"{local:%Y-%m-%d}" != day:
            day = f"{local:%Y-%m-%d}"
            lines.append(f"{day} (Cairo)")
        mark = _LANES[happening.lane]
        stem = f"{mark} " if happening.lane == "state" else f"│   {mark} {happening.lane}: "
        lines.append(f"  {local:%H:%M:%S}  {stem}{happening.text}")
    lines.append(f"            {'■ it has ended' if record.ended_at else '▼ it goes on'}")
    about = ", ".join(f"{name}={value}" for name, value in sorted(record.data.items()))
    return [*lines, "", f"remembers: {about}"]


def _standing(record: SagaRecord) -> str:
    if record.ended_at is not None:
        return f"ended as {record.state}: {record.reason}"
    worked = f"leased by {record.lease_owner} until {_clock(record.lease_until)}" if record.lease_until else "free"
    tries = f", {record.attempts} inquiries" if record.attempts else ""
    return f"{record.state}: {record.reason}{tries}; next look {_clock(record.wake_at)}, {worked}, epoch {record.epoch}"


def _line(record: SagaRecord) -> str:
    return f"{record.saga_id:<20} {record.kind:<14} {record.state:<12} {_clock(record.wake_at):<20} {record.reason}"


def _clock(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(CAIRO):%Y-%m-%d %H:%M:%S}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it and return the exit code: 1 when there is no such saga or no database, 2 for wrong settings."""
    parser = argparse.ArgumentParser(prog="show_sagas", description="Sagas of payments, and the path of one.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    listed = verbs.add_parser("list", help="sagas that have not ended")
    listed.add_argument("--kind", default="", help="only of this kind")
    listed.add_argument("--stuck", action="store_true", help="only those that are stuck")
    verbs.add_parser("show", help="the path of one").add_argument("saga_id", type=int)
    asked = parser.parse_args(arguments)
    try:
        url = database_url(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's answer
        return 2
    try:
        lines = asyncio.run(
            path(url, asked.saga_id) if asked.verb == "show" else listing(url, kind=asked.kind, stuck_only=asked.stuck)
        )
    except (OSError, asyncpg.PostgresError) as error:
        print(f"payments' database does not answer: {error}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    if lines is None:
        print(f"there is no saga {asked.saga_id}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
