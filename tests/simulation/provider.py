"""A provider with every fault: it loses, delays, repeats and reorders, succeeds after a time-out, and gives back."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

from services.payments.domain.providers import NO_ANSWER, Operation, OperationState, ProviderAnswer

NEVER_SEEN = replace(NO_ANSWER, never_seen=True)


class FaultyProvider:
    """Implements Providers. `effective` counts what each reference really moved; `calm` ends the faults."""

    def __init__(self, rng: random.Random, pause: Callable[[], Awaitable[None]]) -> None:
        self._rng = rng
        self._pause = pause
        self.states: dict[str, OperationState] = {}
        self.effective: Counter[str] = Counter()
        self.returned: Counter[str] = Counter()
        self.on_their_way: list[Operation] = []
        self.is_calm = False

    async def send(self, operation: Operation) -> ProviderAnswer:
        fault = "none" if self.is_calm else self._rng.choice(
            ("none", "none", "lost", "late", "no answer", "pending", "declined", "slow")
        )  # fmt: skip
        if fault == "lost":
            return NO_ANSWER
        if fault == "late":
            # It arrives when everybody has stopped waiting for it.
            self.on_their_way.append(operation)
            return NO_ANSWER
        if fault == "slow":
            await self._pause()
        self._arrive(operation, fault)
        state = self.states[operation.reference]
        if fault == "no answer":
            return NO_ANSWER
        return ProviderAnswer(state, fee=self._fee(state))

    async def inquire(self, operation: Operation) -> ProviderAnswer:
        if not self.is_calm and self._rng.random() < 0.2:
            return NO_ANSWER
        state = self.states.get(operation.reference)
        return NEVER_SEEN if state is None else ProviderAnswer(state, fee=self._fee(state))

    def happen(self, hear: Callable[[str, ProviderAnswer], None]) -> None:
        """What goes on over there: late requests arrive, pending ones are decided, some money comes back."""
        while self.on_their_way and (self.is_calm or self._rng.random() < 0.5):
            self._arrive(self.on_their_way.pop(self._rng.randrange(len(self.on_their_way))), "none")
        for reference, state in list(self.states.items()):
            if state is OperationState.PENDING and (self.is_calm or self._rng.random() < 0.5):
                self._decide(reference, succeeds=self._rng.random() < 0.7)
            elif self._may_return(reference) and not self.is_calm and self._rng.random() < 0.05:
                self.states[reference] = OperationState.RETURNED
                self.returned[reference] += 1
        for reference, state in self.states.items():
            # Words of it: lost, or several times, of any reference in any order.
            for _ in range(self._rng.choice((0, 0, 1, 2))):
                hear(reference, ProviderAnswer(state, fee=self._fee(state)))

    def _may_return(self, reference: str) -> bool:
        return self.states[reference] is OperationState.SUCCEEDED

    def _arrive(self, operation: Operation, fault: str) -> None:
        if operation.reference in self.states:
            return
        if fault == "pending":
            self.states[operation.reference] = OperationState.PENDING
        else:
            self._decide(operation.reference, succeeds=fault != "declined")

    def _decide(self, reference: str, *, succeeds: bool) -> None:
        self.states[reference] = OperationState.SUCCEEDED if succeeds else OperationState.DECLINED
        self.effective[reference] += succeeds

    @staticmethod
    def _fee(state: OperationState) -> int:
        return 250 if state in {OperationState.SUCCEEDED, OperationState.RETURNED} else 0
