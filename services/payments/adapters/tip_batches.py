"""Tips that wait at the same time travel together: one transaction and one flush for many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

import asyncpg

from services.chassis.errors import exhausted
from services.payments.domain.tips import TipPosting, TipResult

BATCH_MAX: Final = 64
IN_FLIGHT_MAX: Final = 2
WAITING_MAX: Final = 4096

_Waiting = tuple[TipPosting, "asyncio.Future[TipResult]"]


class BatchLedger(Protocol):
    """Posts several tips of different senders at once."""

    async def post_all(self, postings: Sequence[TipPosting]) -> list[TipResult]:
        """A result for each posting, in order."""
        ...


class TipBatches:
    """A TipLedger over a BatchLedger.

    Nothing waits on purpose: a lone tip goes at once, and a batch is what arrived while others were being posted. No
    two tips of one sender are under way together, for a batch decides on the balances from before it.
    """

    def __init__(
        self,
        ledger: BatchLedger,
        *,
        batch_max: int = BATCH_MAX,
        in_flight_max: int = IN_FLIGHT_MAX,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._ledger = ledger
        self._batch_max = batch_max
        self._in_flight_max = in_flight_max
        self._waiting_max = waiting_max
        self._waiting: deque[_Waiting] = deque()
        self._busy_senders: set[int] = set()
        self._senders: set[asyncio.Task[None]] = set()

    async def post(self, posting: TipPosting) -> TipResult:
        """Post one tip. AppError RESOURCE_EXHAUSTED when too many wait; else as the ledger."""
        if len(self._waiting) >= self._waiting_max:
            raise exhausted("too many tips are waiting", retry_after_ms=250)
        future: asyncio.Future[TipResult] = asyncio.get_running_loop().create_future()
        self._waiting.append((posting, future))
        self._start()
        return await future

    def _start(self) -> None:
        if len(self._senders) < self._in_flight_max and self._waiting:
            # The task begins in the loop's next round: what arrives in this one still joins its batch.
            task = asyncio.create_task(self._send())
            self._senders.add(task)
            task.add_done_callback(self._senders.discard)

    async def _send(self) -> None:
        while batch := self._take():
            busy = {posting.order.sender_id for posting, _ in batch}
            self._busy_senders |= busy
            try:
                await self._post(batch)
            finally:
                self._busy_senders -= busy

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        skipped: list[_Waiting] = []
        senders: set[int] = set()
        while self._waiting and len(batch) < self._batch_max:
            posting, future = self._waiting.popleft()
            sender = posting.order.sender_id
            if future.done():
                continue  # Its caller has left: nothing is promised to anybody.
            if sender in senders or sender in self._busy_senders:
                skipped.append((posting, future))
                senders.add(sender)
            else:
                senders.add(sender)
                batch.append((posting, future))
        self._waiting.extendleft(reversed(skipped))
        return batch

    async def _post(self, batch: list[_Waiting]) -> None:
        try:
            results = await self._ledger.post_all([posting for posting, _ in batch])
        except asyncpg.PostgresError as error:
            if len(batch) == 1:
                _fail(batch, error)
                return
            # One tip broke the statement: each alone finds the culprit, and none of the others pays for it.
            for waiting in batch:
                await self._post([waiting])
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to those who wait
            _fail(batch, error)
        else:
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
