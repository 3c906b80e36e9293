"""Refusals are written in their order, kept while the database is away, and written when the process stops."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from services.auth.application.audit_ports import AuditDetail
from services.auth.application.refusal_ledger import RefusalLedger
from services.chassis.errors import AppError, unavailable
from tests.fakes.clock import FixedClock

DETAIL = AuditDetail("197.32.1.0/24", "هاتف منى")


class Trail:
    """Remembers; is away when told so."""

    def __init__(self) -> None:
        self.refused: list[tuple[str, int, datetime]] = []
        self.is_away = False

    async def refuse(self, kind: str, subject_id: int, detail: AuditDetail, now: datetime) -> None:
        await asyncio.sleep(0)
        if self.is_away:
            raise unavailable("away")
        assert detail == DETAIL
        self.refused.append((kind, subject_id, now))


async def test_each_is_written_once_in_order_with_the_time_it_was_refused_at() -> None:
    trail, clock = Trail(), FixedClock()
    ledger = RefusalLedger(trail, clock)
    moments = []
    for subject in (5, 0, 7):
        ledger.refuse("password_refused", subject, DETAIL)
        moments.append(clock.now())
        clock.advance(10)
    assert trail.refused == []
    await asyncio.gather(*(ledger.flush() for _ in range(3)))
    assert trail.refused == [("password_refused", subject, at) for subject, at in zip((5, 0, 7), moments, strict=True)]


async def test_nothing_is_lost_while_the_database_is_away() -> None:
    trail = Trail()
    ledger = RefusalLedger(trail, FixedClock())
    for subject in (5, 6):
        ledger.refuse("password_refused", subject, DETAIL)
    trail.is_away = True
    with pytest.raises(AppError):
        await ledger.flush()
    trail.is_away = False
    await ledger.flush()
    assert [subject for _, subject, _ in trail.refused] == [5, 6]


async def test_what_is_left_is_written_on_stopping() -> None:
    trail, stop = Trail(), asyncio.Event()
    ledger = RefusalLedger(trail, FixedClock())
    running = asyncio.create_task(ledger.run(stop))
    await asyncio.sleep(0)
    ledger.refuse("password_refused", 5, DETAIL)
    stop.set()
    await running
    assert len(trail.refused) == 1
