"""Bringing money into one's own wallet through a provider, charged at most once whatever breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from services.chassis.errors import AppError, failed_precondition
from services.payments.application.ports import PaymentProvider, TopUps
from services.payments.domain.top_ups import (
    ProviderOutcome,
    TopUp,
    TopUpBeginning,
    TopUpOrder,
    inquiry_delay_s,
)

_LOOK_EVERY_S: Final = 0.05


class TakeTopUp:
    """Records the top-up, then asks the provider, then posts what the provider said."""

    def __init__(self, top_ups: TopUps, provider: PaymentProvider, *, provider_timeout_s: float) -> None:
        self._top_ups = top_ups
        self._provider = provider
        self._timeout_s = provider_timeout_s

    async def __call__(self, order: TopUpOrder) -> TopUp:
        """How the top-up stands: PENDING only while the provider's answer is unknown; the same key asks again.

        AppError INVALID_ARGUMENT for a bad amount; FAILED_PRECONDITION with reason LIMIT_EXCEEDED or
        IDEMPOTENCY_KEY_REUSED; UNAVAILABLE when the ledger is away, and then the same key tells what happened.
        """
        order.check()
        beginning, top_up = await self._top_ups.begin(order)
        if top_up is None:
            raise _refusal(beginning)
        if beginning is TopUpBeginning.BEGUN:
            question = self._provider.authorise_and_capture(top_up.reference, top_up.amount)
            return await record(self._top_ups, top_up, await ask(question, self._timeout_s))
        return await self._after_first_call(top_up)

    async def _after_first_call(self, top_up: TopUp) -> TopUp:
        # A twin of this request may be at the provider right now: its answer is this one's too.
        for _ in range(int(self._timeout_s / _LOOK_EVERY_S)):
            if not top_up.first_call_runs:
                break
            await asyncio.sleep(_LOOK_EVERY_S)
            top_up = await self._top_ups.find(top_up.top_up_id)
        return top_up


async def ask(question: Coroutine[Any, Any, ProviderOutcome], timeout_s: float) -> ProviderOutcome:
    """A provider's answer; UNKNOWN when none comes within `timeout_s` seconds."""
    try:
        async with asyncio.timeout(timeout_s):
            return await question
    except TimeoutError:
        return ProviderOutcome.UNKNOWN


async def record(top_ups: TopUps, top_up: TopUp, outcome: ProviderOutcome) -> TopUp:
    """Settle a top-up by its outcome, or put the next inquiry off while there is none."""
    if outcome is ProviderOutcome.SUCCEEDED:
        return await top_ups.settle(top_up, succeeded=True)
    if outcome is ProviderOutcome.DECLINED:
        return await top_ups.settle(top_up, succeeded=False)
    await top_ups.postpone(top_up, inquiry_delay_s(top_up.attempts + 1))
    return await top_ups.find(top_up.top_up_id)


def _refusal(beginning: TopUpBeginning) -> AppError:
    if beginning is TopUpBeginning.KEY_REUSED:
        return failed_precondition("the idempotency key was used with another request", "IDEMPOTENCY_KEY_REUSED")
    period = "day" if beginning is TopUpBeginning.DAY_LIMIT else "month"
    return failed_precondition(f"the limit of top-ups in a {period} would be crossed", "LIMIT_EXCEEDED")
