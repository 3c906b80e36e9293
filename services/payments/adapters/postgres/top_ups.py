"""Top-ups as their owners see them, read from their records, sagas and what was asked of providers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import asyncpg

from services.chassis.errors import key_reused
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.payments.domain.top_ups import TopUp, TopUpState

_FIND_SQL: Final = """
    SELECT u.id, u.user_id, u.amount, u.state, u.reason,
        coalesce(u.balance_after, (SELECT posted FROM accounts WHERE id = u.user_id)) AS balance,
        coalesce(s.state NOT IN ('requested', 'sending'), true) AS is_asked, coalesce(o.instruction, '') AS instruction,
        o.instruction_expires_at
    FROM top_ups u LEFT JOIN sagas s ON s.id = u.id
    LEFT JOIN provider_operations o ON o.saga_id = u.id AND o.purpose = 'top_up'
    WHERE u.id = $1
"""
_KEY_SQL: Final = "SELECT id, body_hash = $3 AS is_same FROM top_ups WHERE user_id = $1 AND key = $2"
_REFUSAL_SQL: Final = "SELECT reason FROM sagas WHERE id = $1 AND state = 'refused'"
_DUE_SQL: Final = """
    SELECT s.id FROM sagas s WHERE s.ended_at IS NULL AND s.kind = 'top_up' AND s.data ->> 'rail' = $1
        AND s.wake_at <= clock_timestamp() AND (s.lease_until IS NULL OR s.lease_until <= clock_timestamp())
    ORDER BY s.wake_at LIMIT $2
"""


class PostgresTopUps:
    """Reads top-ups."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def of_key(self, user_id: int, key: str, body: bytes) -> int | None:
        """The top-up of a key, None when there is none. AppError FAILED_PRECONDITION for another body."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_KEY_SQL, user_id, key, body)
        if row is None:
            return None
        if not row["is_same"]:
            raise key_reused()
        return int(row["id"])

    async def find(self, top_up_id: int) -> TopUp | None:
        """The record as it stands; None while there is none, as before the limits are looked at."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_FIND_SQL, top_up_id)
        return None if row is None else _top_up(row)

    async def refusal(self, top_up_id: int) -> str:
        """Why it was refused before anybody was asked; "" when it was not."""
        async with unavailable_as_app_error():
            return await self._pool.fetchval(_REFUSAL_SQL, top_up_id) or ""

    async def due(self, rail: str, limit: int) -> Sequence[int]:
        """At most `limit` top-ups of a rail that are due and that nobody works on."""
        async with unavailable_as_app_error():
            return [row["id"] for row in await self._pool.fetch(_DUE_SQL, rail, limit)]


def _top_up(row: asyncpg.Record) -> TopUp:
    state = TopUpState(row["state"])
    is_open = state is TopUpState.PENDING
    return TopUp(
        row["id"], row["user_id"], row["amount"], state, row["balance"], row["is_asked"],
        # What was to be done is told only while it can be: a settled top-up always gives the same answer.
        row["instruction"] if is_open else "", row["instruction_expires_at"] if is_open else None, row["reason"],
    )  # fmt: skip
