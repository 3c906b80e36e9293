"""Batches: what waits travels together, one tip a sender, and nobody pays for another's trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from services.chassis.errors import AppError, unavailable
from services.payments.adapters.tip_batches import TipBatches
from services.payments.domain.tips import TipOrder, TipOutcome, TipPosting, TipResult


def posting(sender: int, key: str = "k") -> TipPosting:
    return TipPosting(TipOrder(sender, 999, 100, 0, key, b""), 5, 1)


class SlowLedger:
    """Records batches; holds them while `gate` is closed."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[int, str]]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.poison: int | None = None
        self.error: Exception | None = None

    async def post_all(self, postings: Sequence[TipPosting]) -> list[TipResult]:
        self.batches.append([(one.order.sender_id, one.order.key) for one in postings])
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        if any(one.order.sender_id == self.poison for one in postings):
            raise asyncpg.CheckViolationError("poison")
        return [TipResult(TipOutcome.POSTED, one.order.sender_id) for one in postings]


async def test_a_lone_tip_goes_at_once() -> None:
    ledger = SlowLedger()
    assert (await TipBatches(ledger).post(posting(1))).transfer_id == 1
    assert ledger.batches == [[(1, "k")]]


async def test_what_waits_together_travels_together_each_with_its_own_answer() -> None:
    ledger = SlowLedger()
    batches = TipBatches(ledger, batch_max=4, in_flight_max=1)
    results = await asyncio.gather(*(batches.post(posting(n)) for n in range(1, 11)))
    assert [result.transfer_id for result in results] == list(range(1, 11))
    assert [len(batch) for batch in ledger.batches] == [4, 4, 2]


async def test_one_sender_is_never_twice_under_way_and_keeps_its_order() -> None:
    ledger = SlowLedger()
    ledger.gate.clear()
    batches = TipBatches(ledger, in_flight_max=2)
    calls = [asyncio.create_task(batches.post(posting(1, f"k{n}"))) for n in range(3)]
    calls.append(asyncio.create_task(batches.post(posting(2))))
    await asyncio.sleep(0.01)
    assert ledger.batches == [[(1, "k0"), (2, "k")]]
    ledger.gate.set()
    await asyncio.gather(*calls)
    assert ledger.batches[1:] == [[(1, "k1")], [(1, "k2")]]


async def test_poison_fails_alone() -> None:
    ledger = SlowLedger()
    ledger.poison = 3
    batches = TipBatches(ledger, in_flight_max=1)
    results = await asyncio.gather(*(batches.post(posting(n)) for n in range(1, 6)), return_exceptions=True)
    assert [isinstance(result, TipResult) for result in results] == [True, True, False, True, True]


async def test_an_absent_ledger_is_told_to_all_and_asked_once() -> None:
    ledger = SlowLedger()
    ledger.error = unavailable("away")
    batches = TipBatches(ledger, in_flight_max=1)
    results = await asyncio.gather(*(batches.post(posting(n)) for n in range(1, 6)), return_exceptions=True)
    assert all(isinstance(result, AppError) for result in results)
    assert len(ledger.batches) == 1
    ledger.error = None
    assert (await batches.post(posting(9))).outcome is TipOutcome.POSTED


async def test_those_who_left_are_not_posted() -> None:
    ledger = SlowLedger()
    ledger.gate.clear()
    batches = TipBatches(ledger, in_flight_max=1)
    first = asyncio.create_task(batches.post(posting(1)))
    await asyncio.sleep(0.01)
    gone = asyncio.create_task(batches.post(posting(2)))
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.sleep(0)
    ledger.gate.set()
    await first
    await batches.post(posting(3))
    assert [sender for batch in ledger.batches for sender, _ in batch] == [1, 3]


async def test_the_queue_has_an_end() -> None:
    ledger = SlowLedger()
    ledger.gate.clear()
    batches = TipBatches(ledger, batch_max=1, in_flight_max=1, waiting_max=2)
    calls = [asyncio.create_task(batches.post(posting(1)))]
    await asyncio.sleep(0.01)
    calls += [asyncio.create_task(batches.post(posting(n))) for n in (2, 3)]
    await asyncio.sleep(0.01)
    with pytest.raises(AppError) as caught:
        await batches.post(posting(4))
    assert caught.value.reason == "OVERLOADED"
    ledger.gate.set()
    await asyncio.gather(*calls)
