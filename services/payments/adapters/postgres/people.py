"""What payments knows of people: who is gone, and who blocked whom, out of the logs of auth and social."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from daira.events.v1 import events_pb2
from services.chassis.cursors import advance_cursor
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.chassis.stream_event import StreamEvent

_CLOSE_SQL: Final = "SELECT close_wallets($1::bigint[])"
_BLOCK_SQL: Final = "INSERT INTO blocked_pairs (blocker_id, blocked_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_UNBLOCK_SQL: Final = "DELETE FROM blocked_pairs WHERE blocker_id = $1 AND blocked_id = $2"


class PostgresPeople:
    """Applies each event once: effect and cursor commit together. One instance for each log, by its consumer's name."""

    def __init__(self, pool: PostgresPool, consumer: str) -> None:
        self._pool = pool
        self._consumer = consumer

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        """Apply a batch; CursorMoved when another instance was first."""
        events = [events_pb2.Event.FromString(event.data) for event in batch]
        gone = [event.aggregate_id for event in events if event.WhichOneof("payload") == "account_deleted"]
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            await advance_cursor(connection, self._consumer, batch)
            if gone:
                await connection.execute(_CLOSE_SQL, gone)
            # In the order of the log: a block after its end is a block.
            for event in events:
                kind = event.WhichOneof("payload")
                if kind in {"user_blocked", "user_unblocked"}:
                    sql = _BLOCK_SQL if kind == "user_blocked" else _UNBLOCK_SQL
                    await connection.execute(sql, event.actor_id, event.aggregate_id)
