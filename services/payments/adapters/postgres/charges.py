"""Charges that providers did, found by what they or we call them."""

from __future__ import annotations

from typing import Final

import asyncpg

from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.payments.domain.chargebacks import Charge
from services.payments.domain.providers import Rail

# What was booked of a charge has its reference for a body.
_COLUMNS: Final = """
    SELECT o.id, s.subject_id, o.rail, o.amount, coalesce(t.key, '') AS transfer_key
    FROM provider_operations o JOIN sagas s ON s.id = o.saga_id
    LEFT JOIN transfers t ON t.actor_id = s.subject_id AND t.kind = 'top_up'
        AND t.body_hash = convert_to('daira-' || o.id, 'UTF8')
    WHERE o.kind = 'charge'
"""
_BY_PROVIDER_SQL: Final = f"{_COLUMNS} AND o.provider_reference = $1 ORDER BY o.id LIMIT 1"
_BY_ID_SQL: Final = f"{_COLUMNS} AND o.id = $1"
_BY_TOP_UP_SQL: Final = f"{_COLUMNS} AND o.saga_id = $1 AND s.kind = 'top_up' AND t.id IS NOT NULL"
_REFUND_SQL: Final = "SELECT state, reason FROM sagas WHERE id = $1 AND kind = 'top_up_refund'"
_OURS: Final = "daira-"
_DIGITS_MAX: Final = 18


class PostgresCharges:
    """Reads charges."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def of_reference(self, reference: str) -> Charge | None:
        """The charge that a provider, or we, call so; None when there is none."""
        number = reference.removeprefix(_OURS)
        is_ours = reference.startswith(_OURS) and number.isascii() and number.isdecimal() and len(number) <= _DIGITS_MAX
        async with unavailable_as_app_error():
            if is_ours:
                return _charge(await self._pool.fetchrow(_BY_ID_SQL, int(number)))
            return _charge(await self._pool.fetchrow(_BY_PROVIDER_SQL, reference)) if reference else None

    async def of_top_up(self, top_up_id: int) -> Charge | None:
        """The charge of a top-up; None when there is none, or it has not succeeded."""
        async with unavailable_as_app_error():
            return _charge(await self._pool.fetchrow(_BY_TOP_UP_SQL, top_up_id))

    async def refund_state(self, refund_id: int) -> tuple[str, str]:
        """The state of a refund of a top-up, and why it is in it. LookupError when there is none."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_REFUND_SQL, refund_id)
        if row is None:
            raise LookupError(f"no refund {refund_id}")
        return row["state"], row["reason"]


def _charge(row: asyncpg.Record | None) -> Charge | None:
    if row is None:
        return None
    return Charge(row["id"], row["subject_id"], Rail(row["rail"]), row["amount"], row["transfer_key"])
