"""What stands in a provider's place where none is configured: top-ups fail closed."""

from __future__ import annotations

from services.payments.domain.top_ups import ProviderOutcome


class ClosedProvider:
    """Declines every payment without asking anybody, so that no money is ever guessed into a wallet."""

    async def authorise_and_capture(self, reference: str, amount: int) -> ProviderOutcome:  # noqa: ARG002 - the port's
        """DECLINED."""
        return ProviderOutcome.DECLINED

    async def inquire(self, reference: str) -> ProviderOutcome:  # noqa: ARG002 - the port's
        """UNKNOWN: a payment begun with a provider that is no longer configured stays pending."""
        return ProviderOutcome.UNKNOWN
