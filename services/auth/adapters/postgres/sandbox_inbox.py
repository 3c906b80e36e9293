"""A provider that sends nothing: it keeps messages in a table, where a developer reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from services.auth.adapters.postgres.purging import purge
from services.auth.application.code_ports import SendOutcome
from services.chassis.clock import Clock
from services.chassis.errors import AppError
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

_RECEIVE_SQL: Final = (
    "INSERT INTO sandbox_inbox (reference, phone, body, received_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
)
_READ_SQL: Final = """
    SELECT phone, body, received_at FROM sandbox_inbox WHERE $1 = '' OR phone = $1 ORDER BY received_at DESC LIMIT $2
"""
_PURGE_SQL: Final = """
    DELETE FROM sandbox_inbox WHERE reference IN (
        SELECT reference FROM sandbox_inbox WHERE received_at < $1 ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """A message that would have been sent. The time is in UTC."""

    phone: str = field(repr=False)
    body: str = field(repr=False)
    received_at: datetime


class PostgresSandboxInbox:
    """The sandbox of auth's database."""

    def __init__(self, pool: PostgresPool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def send(self, reference: str, phone: str, text: str) -> SendOutcome:
        """Keep the text; one reference is kept once."""
        try:
            async with unavailable_as_app_error():
                await self._pool.execute(_RECEIVE_SQL, reference, phone, text, self._clock.now())
        except AppError:
            return SendOutcome.UNKNOWN
        return SendOutcome.SENT

    async def purge(self, received_before: datetime, limit: int) -> int:
        """Forget at most `limit` messages received before; how many."""
        return await purge(self._pool, _PURGE_SQL, received_before, limit)


async def read_inbox(source: PostgresPool | PostgresConnection, phone: str, limit: int) -> Sequence[InboxMessage]:
    """The newest messages, to an E.164 phone or, with "", to all."""
    return [InboxMessage(*row) for row in await source.fetch(_READ_SQL, phone, limit)]
