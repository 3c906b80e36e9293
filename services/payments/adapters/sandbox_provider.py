"""A payment provider for development and tests: no money, but all the trouble of a real one, on demand.

The last two digits of the amount in piastres choose what happens, the same every time:

    ..13  the operation is declined
    ..17  the operation is done, but the answer is lost: unknown at first, and succeeded when inquired about
    else  the operation is done and says so
"""

from __future__ import annotations

from typing import Final

from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.payments.domain.providers import NO_ANSWER, Operation, OperationState, ProviderAnswer

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

    async def send(self, operation: Operation) -> ProviderAnswer:
        """Do it once a reference. ValueError when a reference comes back with another amount."""
        ending = operation.amount % _HUNDRED
        async with unavailable_as_app_error():
            payment = await self._pool.fetchrow(
                _REQUEST_SQL, operation.reference, operation.amount, ending != DECLINED_ENDING
            )
        if payment is None or payment["amount"] != operation.amount:
            raise ValueError("the reference belongs to a payment of another amount")
        if ending == LOST_ANSWER_ENDING and payment["requests"] == 1:
            return NO_ANSWER
        return _answer(operation, captured=payment["captured"])

    async def inquire(self, operation: Operation) -> ProviderAnswer:
        """What became of it; never seen when no request with the reference arrived."""
        async with unavailable_as_app_error():
            captured = await self._pool.fetchval(_INQUIRE_SQL, operation.reference)
        if captured is None:
            return ProviderAnswer(OperationState.UNKNOWN, never_seen=True)
        return _answer(operation, captured=captured)


def _answer(operation: Operation, *, captured: bool) -> ProviderAnswer:
    state = OperationState.SUCCEEDED if captured else OperationState.DECLINED
    return ProviderAnswer(
        state, f"sandbox-{operation.operation_id}", "" if captured else "declined by the sandbox"
    )  # fmt: skip
