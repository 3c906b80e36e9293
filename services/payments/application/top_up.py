"""Bringing money into one's own wallet through a provider, charged at most once whatever breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from services.chassis.errors import failed_precondition, key_reused, unavailable
from services.payments.application.ports import TopUps
from services.payments.application.run_sagas import RunSagas
from services.payments.application.saga_ports import NewSaga, SagaStarts, StartOutcome
from services.payments.domain.providers import Rail
from services.payments.domain.top_up_machine import TOP_UP
from services.payments.domain.top_ups import TopUp, TopUpOrder, TopUpState

_REFUSALS: Final = {
    "closed": ("the wallet is closed", "RECIPIENT_UNAVAILABLE"),
    "each": ("a top-up of this rail cannot have this amount", "LIMIT_EXCEEDED"),
    "day": ("the limit of top-ups in a day would be crossed", "LIMIT_EXCEEDED"),
    "month": ("the limit of top-ups in a month would be crossed", "LIMIT_EXCEEDED"),
    "hour": ("the limit of top-ups in an hour would be crossed", "LIMIT_EXCEEDED"),
}
_LOOK_EVERY_S: Final = 0.05
_BATCH: Final = 32


class TakeTopUp:
    """Starts a top-up's saga and runs it until it sleeps.

    `runner` asks the providers of this process, which has those of the rails `here`; for the others `elsewhere`, which
    has none, takes the limits, and a runner in another process asks: `wait_s` is how long its first word is waited for.
    """

    def __init__(
        self, sagas: SagaStarts, top_ups: TopUps, runner: RunSagas, elsewhere: RunSagas, *, rails: Collection[Rail],
        here: Collection[Rail], wait_s: float,
    ) -> None:  # fmt: skip
        self._sagas = sagas
        self._top_ups = top_ups
        self._runner = runner
        self._elsewhere = elsewhere
        self._rails = frozenset(rails)
        self._here = frozenset(here)
        self._wait_s = wait_s

    async def __call__(self, order: TopUpOrder) -> TopUp:
        """How the top-up stands: PENDING while the provider's answer is unknown, or the person has yet to pay.

        The same key asks again. AppError INVALID_ARGUMENT for a bad amount or rail; FAILED_PRECONDITION with reason
        LIMIT_EXCEEDED, RECIPIENT_UNAVAILABLE or IDEMPOTENCY_KEY_REUSED; UNAVAILABLE when the ledger is away, and then
        the same key tells what happened.
        """
        order.check(self._rails)
        top_up_id = await self._top_ups.of_key(order.user_id, order.key, order.body)
        if top_up_id is None:
            top_up_id = await self._start(order)
        return await self._after(order, top_up_id)

    async def _start(self, order: TopUpOrder) -> int:
        about = {"amount": order.amount, "rail": order.rail.value, "key": order.key}
        outcome, saga_id = await self._sagas.start(
            NewSaga(TOP_UP, order.user_id, order.key, order.body, "requested", about)
        )
        if outcome is StartOutcome.KEY_REUSED:
            raise key_reused()
        return saga_id

    async def _after(self, order: TopUpOrder, top_up_id: int) -> TopUp:
        runner = self._runner if order.rail in self._here else self._elsewhere
        looks = max(1, int(self._wait_s / _LOOK_EVERY_S))
        for look in range(looks):
            top_up = await self._top_ups.find(top_up_id)
            if top_up is None or top_up.state is TopUpState.PENDING:
                await runner.run(top_up_id)
                top_up = await self._top_ups.find(top_up_id)
            if top_up is None:
                await self._raise_refusal(top_up_id)
            elif top_up.is_asked or look + 1 == looks:
                return top_up
            # A twin of this request may be at the provider right now: its answer is this one's too.
            await asyncio.sleep(_LOOK_EVERY_S)
        raise unavailable("the top-up is being begun: ask again")

    async def _raise_refusal(self, top_up_id: int) -> None:
        reason = await self._top_ups.refusal(top_up_id)
        if reason:
            raise failed_precondition(*_REFUSALS[reason])


class RunTopUps:
    """Goes on with top-ups of the rails whose providers are in this process: those that nobody waits for."""

    def __init__(self, top_ups: TopUps, runner: RunSagas, here: Collection[Rail]) -> None:
        self._top_ups = top_ups
        self._runner = runner
        self._here = tuple(here)

    async def __call__(self) -> int:
        """Work through one batch of each rail; how many top-ups that were. AppError UNAVAILABLE."""
        due = [one for rail in self._here for one in await self._top_ups.due(rail.value, _BATCH)]
        await asyncio.gather(*(self._runner.run(top_up_id) for top_up_id in due))
        return len(due)
