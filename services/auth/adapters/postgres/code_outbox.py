"""The outbox of codes in PostgreSQL: any number of senders may work on it at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.auth.application.code_ports import DueMessage
from services.chassis.postgres import PostgresPool, unavailable_as_app_error

_CLAIM_SQL: Final = """
    UPDATE code_messages SET next_send_at = $2, sends = sends + 1 WHERE reference IN (
        SELECT reference FROM code_messages WHERE next_send_at <= $1
        ORDER BY next_send_at LIMIT $3 FOR UPDATE SKIP LOCKED
    ) RETURNING reference, sealed, expires_at, sends
"""
_REMOVE_SQL: Final = "DELETE FROM code_messages WHERE reference = $1"


class PostgresCodeOutbox:
    """The messages of auth's database."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def claim(self, now: datetime, again_at: datetime, limit: int) -> Sequence[DueMessage]:
        """At most `limit` messages that are due; nobody else gets them before `again_at`."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_CLAIM_SQL, now, again_at, limit)
        return [DueMessage(*row) for row in rows]

    async def remove(self, reference: str) -> None:
        """The message is done with: number and code go."""
        async with unavailable_as_app_error():
            await self._pool.execute(_REMOVE_SQL, reference)
