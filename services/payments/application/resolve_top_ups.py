"""Finding out what became of top-ups whose outcome nobody knows."""

from __future__ import annotations

import asyncio
from typing import Final

from services.payments.application.ports import PaymentProvider, TopUps
from services.payments.application.top_up import ask, record
from services.payments.domain.top_ups import ProviderOutcome, TopUp

_BATCH: Final = 32


class ResolveTopUps:
    """Asks the provider about pending top-ups that are due, and settles each exactly once."""

    def __init__(self, top_ups: TopUps, provider: PaymentProvider, *, provider_timeout_s: float) -> None:
        self._top_ups = top_ups
        self._provider = provider
        self._timeout_s = provider_timeout_s

    async def __call__(self) -> int:
        """Work through one batch; how many top-ups it held. AppError UNAVAILABLE when the ledger is away."""
        due = await self._top_ups.claim_due(_BATCH)
        await asyncio.gather(*(self._resolve(top_up) for top_up in due))
        return len(due)

    async def _resolve(self, top_up: TopUp) -> None:
        outcome = await ask(self._provider.inquire(top_up.reference), self._timeout_s)
        if outcome is ProviderOutcome.NEVER_SEEN:
            # The process died before it asked. The person did ask, so it is asked now, under the same reference: should
            # the lost request arrive after all, the provider takes both for one payment.
            question = self._provider.authorise_and_capture(top_up.reference, top_up.amount)
            outcome = await ask(question, self._timeout_s)
        await record(self._top_ups, top_up, outcome)
