"""When the sealer goes on, signs, and says what it signed."""

from __future__ import annotations

import structlog

from services.payments.application.ledger_chain_ports import SealLag
from services.payments.application.seal_ledger import BATCH, CHECKPOINT_S, CHECKPOINT_SEALS, SealLedger
from tests.fakes.clock import FixedClock


class Seals:
    """A ledger with so many transfers waiting."""

    def __init__(self) -> None:
        self.waiting = 0
        self.sealed = self.signed = 0

    async def seal(self, limit: int) -> int:
        count = min(limit, self.waiting)
        self.waiting -= count
        self.sealed += count > 0
        return count

    async def add_checkpoint(self) -> str | None:
        if self.signed == self.sealed:
            return None
        self.signed = self.sealed
        return f"statement of {self.signed}"

    async def last_checkpoint(self) -> str | None:
        return "statement of before"

    async def lag(self) -> SealLag:
        return SealLag(self.waiting, 0.0, self.sealed)


async def test_it_goes_on_while_batches_are_full_and_signs_now_and_then() -> None:
    seals, clock, seen = Seals(), FixedClock(), list[SealLag]()
    step = SealLedger(seals, clock, seen.append)
    with structlog.testing.capture_logs() as logs:
        assert await step() == 0
        # Whoever signed the last one may have been killed before it was told.
        assert [one["statement"] for one in logs] == ["statement of before"]
        seals.waiting = BATCH + 1
        assert await step() == BATCH
        assert await step() == 0
        assert [one["statement"] for one in logs][1:] == ["statement of 1"]
        clock.advance(CHECKPOINT_S)
        assert await step() == 0
        assert [one["statement"] for one in logs][2:] == ["statement of 2"]
    assert seen[-1] == SealLag(0, 0.0, 2)


async def test_under_load_it_signs_after_so_many_seals() -> None:
    seals = Seals()
    step = SealLedger(seals, FixedClock(), lambda _lag: None)
    seals.waiting = BATCH * (2 * CHECKPOINT_SEALS + 1)
    for _ in range(2 * CHECKPOINT_SEALS + 1):
        await step()
    assert seals.signed == 2 * CHECKPOINT_SEALS + 1
