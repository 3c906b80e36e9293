"""A settlement report over HTTP, of all rails of a Cairo day, as the sandbox provider gives it: JSON under `lines`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Protocol

import httpx
import orjson

from services.chassis.errors import AppError, ErrorKind, invalid
from services.payments.adapters.providers.paymob_payouts import operation_id_of
from services.payments.domain.cairo import cairo_day
from services.payments.domain.providers import OperationKind, Rail
from services.payments.domain.reconciliation import LineState, SettlementLine

_TIMEOUT_S: Final = 30.0
_BYTES_MAX: Final = 64 << 20
_TEXT_MAX: Final = 100
_NOT_FOUND: Final = 404
_GOOD: Final = 200
# Where what we never asked for is counted: a provider's own name for what it did is no rail of ours.
_RAIL_OF_SHAPE: Final = {"paymob": Rail.CARD, "payout": Rail.MOBILE, "fawry": Rail.VOUCHER}


class OperationRails(Protocol):
    """Knows which rail an operation went by."""

    async def rails_of(self, references: Sequence[str]) -> Mapping[str, Rail]:
        """The rail of each reference that is an operation of ours. AppError UNAVAILABLE."""
        ...


class HttpSettlementReports:
    """The reports at an address that takes `day`."""

    def __init__(self, url: str, operations: OperationRails) -> None:
        self._url = url
        self._operations = operations

    async def day(self, rail: Rail, day: date) -> Sequence[SettlementLine]:
        """All lines of a rail's day; AppError NOT_FOUND before there is one, UNAVAILABLE, or for a damaged one."""
        entries = await self._fetch(day)
        try:
            lines = [(entry.get("shape"), line) for entry in entries for line in _lines(entry, day)]
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise invalid("report", f"the provider's report is damaged ({type(error).__name__})") from None
        known = await self._operations.rails_of(list({line.reference for _, line in lines}))
        return [
            line
            for shape, line in lines
            if known.get(line.reference, _RAIL_OF_SHAPE.get(str(shape), Rail.SANDBOX)) is rail
        ]

    async def _fetch(self, day: date) -> Sequence[Any]:
        raw = bytearray()
        try:
            async with (
                httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client,
                client.stream("GET", self._url, params={"day": str(day)}) as response,
            ):
                async for piece in response.aiter_bytes():
                    raw += piece
                    if len(raw) > _BYTES_MAX:
                        raise invalid("report", f"the provider's report is larger than {_BYTES_MAX >> 20} MB")
        except httpx.HTTPError as error:
            words = f"the provider gives no report: {type(error).__name__}"
            raise AppError(ErrorKind.UNAVAILABLE, "SERVICE_UNAVAILABLE", words) from None
        if response.status_code == _NOT_FOUND:
            raise AppError(ErrorKind.NOT_FOUND, "SETTLEMENT_REPORT_MISSING", f"there is no report of {day} yet")
        if response.status_code != _GOOD:
            words = f"the provider gives no report: status {response.status_code}"
            raise AppError(ErrorKind.UNAVAILABLE, "SERVICE_UNAVAILABLE", words)
        try:
            lines = orjson.loads(raw)["lines"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            lines = None
        if not isinstance(lines, list):
            raise invalid("report", "the provider's report is no JSON object with lines")
        return lines


def _lines(entry: Mapping[str, Any], day: date) -> Iterator[SettlementLine]:
    """What of an entry happened on the day: each time that money moved for it, and its return."""
    for moved, state, times in (
        (entry.get("settled_at"), LineState.SETTLED, int(entry.get("effects", 1))),
        (entry.get("returned_at"), LineState.RETURNED, 1),
    ):
        if moved is None:
            continue
        at = datetime.fromtimestamp(float(moved), UTC)
        if cairo_day(at) != day:
            continue
        line = SettlementLine(
            reference=_reference(str(entry["reference"])),
            provider_reference=str(entry["provider_reference"])[:_TEXT_MAX],
            kind=OperationKind(entry["kind"]),
            state=state,
            amount=_piastres(entry["amount_piastres"]),
            fee=_piastres(entry["fee_piastres"]) if state is LineState.SETTLED else 0,
            settled_at=at,
        )
        yield from [line] * min(times, _TEXT_MAX)


def _reference(told: str) -> str:
    """Our reference; payouts carry it as a UUID. What is none of ours stays what it is."""
    try:
        return f"daira-{operation_id_of(told)}"
    except ValueError:
        return told[:_TEXT_MAX] or "-"


def _piastres(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("an amount is 0 or more piastres")
    return value
