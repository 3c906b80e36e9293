"""Words of providers in PostgreSQL: each is kept raw, and applied in one transaction with its mark."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from services.chassis.postgres import PostgresConnection, PostgresPool, affected_rows, unavailable_as_app_error
from services.payments.adapters.postgres.sagas import OPERATION_COLUMNS, operation_of
from services.payments.application.hear_providers import Heard, Word
from services.payments.domain.providers import Operation, ProviderAnswer

_KEEP_SQL: Final = "INSERT INTO provider_inbox (provider, event_id, raw) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_NEXT_SQL: Final = """
    SELECT provider, event_id, raw, received_at FROM provider_inbox
    WHERE applied_at IS NULL AND look_at <= clock_timestamp()
    ORDER BY received_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_OPERATION_SQL: Final = f"SELECT {OPERATION_COLUMNS} FROM provider_operations WHERE id = $1"
_HEAR_SQL: Final = "SELECT hear_provider($1, $2, $3, $4, $5)"
_CLOSE_SQL: Final = """
    UPDATE provider_inbox SET applied_at = clock_timestamp(), problem = nullif($3, 'heard')
    WHERE provider = $1 AND event_id = $2
"""
_POSTPONE_SQL: Final = "UPDATE provider_inbox SET look_at = $3 WHERE provider = $1 AND event_id = $2"
_TEXT_MAX: Final = 100


class PostgresProviderInbox:
    """Keeps words, and gives them out one at a time."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def keep(self, provider: str, event_id: str, raw: bytes) -> bool:
        """Keep one; False when it was kept before."""
        async with unavailable_as_app_error():
            return bool(affected_rows(await self._pool.execute(_KEEP_SQL, provider, event_id, raw)))

    @contextlib.asynccontextmanager
    async def next(self) -> AsyncIterator[_OpenWord | None]:
        """The oldest one that nobody applies yet; its transaction commits with the block."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_NEXT_SQL)
            yield None if row is None else _OpenWord(connection, Word(**row))


class _OpenWord:
    def __init__(self, connection: PostgresConnection, word: Word) -> None:
        self._connection = connection
        self.word = word

    async def operation(self, operation_id: int) -> Operation | None:
        row = await self._connection.fetchrow(_OPERATION_SQL, operation_id)
        return None if row is None else operation_of(row)

    async def hear(self, operation: Operation, answer: ProviderAnswer) -> Heard:
        return Heard(
            await self._connection.fetchval(
                _HEAR_SQL,
                operation.operation_id,
                answer.state.value,
                answer.provider_reference[:_TEXT_MAX],
                answer.reason[:_TEXT_MAX],
                answer.fee,
            )
        )

    async def close(self, outcome: Heard) -> None:
        await self._connection.execute(_CLOSE_SQL, self.word.provider, self.word.event_id, outcome.value)

    async def postpone(self, until: datetime) -> None:
        await self._connection.execute(_POSTPONE_SQL, self.word.provider, self.word.event_id, until)
