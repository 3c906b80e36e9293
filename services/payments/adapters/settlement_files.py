"""Providers' settlement reports as files: a CSV for each rail and Cairo day, named such as card-2026-11-23.csv."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final

from services.chassis.errors import AppError, ErrorKind, invalid
from services.payments.domain.cairo import CAIRO
from services.payments.domain.providers import OperationKind, Rail
from services.payments.domain.reconciliation import LineState, SettlementLine

COLUMNS: Final = (
    "reference", "provider_reference", "kind", "state", "amount_piastres", "fee_piastres", "settled_at",
)  # fmt: skip
_BYTES_MAX: Final = 64 << 20
_TEXT_MAX: Final = 100
_AMOUNT_MAX: Final = 10**15


class FileSettlementReports:
    """The reports of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def day(self, rail: Rail, day: date) -> Sequence[SettlementLine]:
        """All lines of a day's file; AppError NOT_FOUND when it is not there, INVALID_ARGUMENT when it is no report."""
        return await asyncio.to_thread(read_report, self._folder / f"{rail.value}-{day}.csv")


class OneReport:
    """A file that is the report of whatever day is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def day(self, rail: Rail, day: date) -> Sequence[SettlementLine]:  # noqa: ARG002 - of the protocol
        """All lines of the file, with the same errors."""
        return await asyncio.to_thread(read_report, self._path)


def read_report(path: Path) -> list[SettlementLine]:
    """The lines of a file with COLUMNS as its first line; moments without a zone are Cairo's. Errors as above."""
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise invalid("report", f"{path.name} is larger than {_BYTES_MAX >> 20} MB")
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise AppError(ErrorKind.NOT_FOUND, "SETTLEMENT_REPORT_MISSING", f"there is no {path.name} yet") from None
    except (OSError, UnicodeDecodeError) as error:
        raise invalid("report", f"{path.name} cannot be read: {type(error).__name__}") from None
    rows = csv.DictReader(text.splitlines())
    if rows.fieldnames is None or set(rows.fieldnames) != set(COLUMNS):
        raise invalid("report", f"{path.name} needs the columns {', '.join(COLUMNS)}")
    lines = []
    for row in rows:
        try:
            lines.append(_line(row))
        except (KeyError, TypeError, ValueError) as error:
            raise invalid("report", f"{path.name}, line {rows.line_num}: {error}") from None
    return lines


def _line(row: dict[str, str]) -> SettlementLine:
    settled_at = datetime.fromisoformat(row["settled_at"])
    return SettlementLine(
        reference=_text(row["reference"], low=1),
        provider_reference=_text(row["provider_reference"], low=0),
        kind=OperationKind(row["kind"]),
        state=LineState(row["state"]),
        amount=_piastres(row["amount_piastres"]),
        fee=_piastres(row["fee_piastres"]),
        settled_at=settled_at.replace(tzinfo=CAIRO) if settled_at.tzinfo is None else settled_at,
    )


def _text(text: str, low: int) -> str:
    if not low <= len(text) <= _TEXT_MAX or not text.isprintable():
        raise ValueError(f"a reference has at most {_TEXT_MAX} printable characters")
    return text


def _piastres(text: str) -> int:
    amount = int(text)
    if not 0 <= amount <= _AMOUNT_MAX:
        raise ValueError("an amount is 0 or more piastres")
    return amount
