"""Running sagas: claim what is due, let its machine decide, do it, and go on until it sleeps or ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import structlog

from services.chassis.clock import Clock
from services.payments.application.saga_ports import FencedError, Providers, SagaStore
from services.payments.domain.providers import NO_ANSWER, Operation, ProviderAnswer
from services.payments.domain.saga import Ask, Machine, Move, Saga, Sleep, StuckError

# More steps at a stretch than any machine has: one that turns in a circle is stopped.
_STEPS_MAX: Final = 32
_STUCK_PAUSE: Final = timedelta(minutes=5)

_log = structlog.get_logger(__name__)


class RunSagas:
    """One runner. `provider_timeout_s` bounds each call of a provider; a lease is longer than that.

    Without `providers` it does what needs none, and leaves the rest to a runner that has them.
    """

    def __init__(
        self, store: SagaStore, providers: Providers | None, machines: Iterable[Machine], clock: Clock, *,
        provider_timeout_s: float, at_once: int = 16,
    ) -> None:  # fmt: skip
        self._store = store
        self._providers = providers
        self._machines = {machine.kind: machine for machine in machines}
        self._clock = clock
        self._timeout_s = provider_timeout_s
        self._at_once = at_once

    async def __call__(self) -> int:
        """Work through what is due, a batch at most; how many sagas that were. AppError UNAVAILABLE."""
        claimed = await self._store.claim(self._at_once)
        # One that fails stops no other: each is worked to its end first.
        ends = await asyncio.gather(*(self._run(saga) for saga in claimed), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return len(claimed)

    async def run(self, saga_id: int) -> None:
        """Work through one saga if it is due and nobody else does, until it sleeps. AppError UNAVAILABLE."""
        saga = await self._store.claim_one(saga_id)
        if saga is not None:
            await self._run(saga)

    async def _run(self, saga: Saga) -> None:
        try:
            for _ in range(_STEPS_MAX):
                if await self._step(saga):
                    return
                saga = await self._store.load(saga)
            raise StuckError(f"more than {_STEPS_MAX} steps at a stretch")  # noqa: TRY301 - as any other
        except FencedError:
            # Another runner has it: what was decided here is void, and it goes on from what is written.
            _log.info("saga_fenced", saga_id=saga.saga_id, kind=saga.kind)
        except (StuckError, KeyError, TypeError, ValueError) as error:
            _log.error("saga_stuck", saga_id=saga.saga_id, kind=saga.kind, state=saga.state, reason=str(error))
            try:
                await self._store.sleep(saga, self._clock.now() + _STUCK_PAUSE, problem=f"stuck: {error}"[:200])
            except FencedError:
                _log.info("saga_fenced", saga_id=saga.saga_id, kind=saga.kind)

    async def _step(self, saga: Saga) -> bool:
        """Do one step; whether the saga sleeps or has ended."""
        machine = self._machines.get(saga.kind)
        if machine is None:
            raise StuckError(f"no machine runs sagas of kind {saga.kind}")
        step = machine.next(saga, self._clock.now())
        if isinstance(step, Sleep):
            await self._store.sleep(saga, step.until)
            return True
        if isinstance(step, Ask):
            if self._providers is None:
                await self._store.sleep(saga, self._clock.now())
                return True
            operation = saga.operations[step.purpose]
            answer = await self._ask(self._providers, operation, inquire=step.inquire)
            move = machine.answered(saga, operation, answer, self._clock.now())
            return await self._advance(machine, saga, move, (operation, answer))
        return await self._advance(machine, saga, step, None)

    async def _advance(
        self, machine: Machine, saga: Saga, move: Move, answered: tuple[Operation, ProviderAnswer] | None
    ) -> bool:
        outcome = await self._store.advance(saga, move, answered)
        if not outcome.is_good:
            move = machine.refused(saga, outcome, self._clock.now())
            outcome = await self._store.advance(saga, move, answered)
            if not outcome.is_good:
                raise StuckError(f"the ledger refused what was to follow a refusal: {outcome.value}")
        return move.wake_at is None

    async def _ask(self, providers: Providers, operation: Operation, *, inquire: bool) -> ProviderAnswer:
        question = providers.inquire(operation) if inquire else providers.send(operation)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await question
        except TimeoutError:
            return NO_ANSWER
