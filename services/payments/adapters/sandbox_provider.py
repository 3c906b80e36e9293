"""A payment provider for development and tests: no money, but all the trouble of a real one, on demand.

The last two digits of the amount in piastres choose what happens, the same every time:

    ..13  the payment is declined
    ..17  the payment is captured, but the answer is lost: unknown at first, and succeeded when inquired about
    else  the payment is captured and says so
"""

from __future__ import annotations

from typing import Final

from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.payments.domain.top_ups import ProviderOutcome

DECLINED_ENDING: Final = 13
LOST_ANSWER_ENDING: Final = 17
_HUNDRED: Final = 100

_REQUEST_SQL: Final = """
    INSERT INTO sandbox_payments (reference, amount, captured) VALUES ($1, $2, $3)
    ON CONFLICT (reference) DO UPDATE SET requests = sandbox_payments.requests + 1
    RETURNING amount, captured, requests
"""
_INQUIRE_SQL: Final = """
    UPDATE sandbox_payments SET inquiries = inquiries + 1 WHERE reference = $1 RETURNING captured
"""


class SandboxProvider:
    """Keeps its record in a table of its own and in its own transactions, as somebody else's system would."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def authorise_and_capture(self, reference: str, amount: int) -> ProviderOutcome:
        """Charge `amount` piastres once a reference. ValueError when a reference comes back with another amount."""
        ending = amount % _HUNDRED
        async with unavailable_as_app_error():
            payment = await self._pool.fetchrow(_REQUEST_SQL, reference, amount, ending != DECLINED_ENDING)
        if payment is None or payment["amount"] != amount:
            raise ValueError("the reference belongs to a payment of another amount")
        if ending == LOST_ANSWER_ENDING and payment["requests"] == 1:
            return ProviderOutcome.UNKNOWN
        return ProviderOutcome.SUCCEEDED if payment["captured"] else ProviderOutcome.DECLINED

    async def inquire(self, reference: str) -> ProviderOutcome:
        """What became of a payment; NEVER_SEEN when no request with the reference arrived."""
        async with unavailable_as_app_error():
            captured = await self._pool.fetchval(_INQUIRE_SQL, reference)
        if captured is None:
            return ProviderOutcome.NEVER_SEEN
        return ProviderOutcome.SUCCEEDED if captured else ProviderOutcome.DECLINED
