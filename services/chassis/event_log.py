"""Reading the event log of one's own database in order of position."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.chassis.postgres import PostgresPool, unavailable_as_app_error

_MAX_READ: Final = 1000

# The positions are limited first: each then finds its event by primary key in the one partition of its day.
_READ_SQL: Final = """
    WITH wanted AS MATERIALIZED (
        SELECT pos, event_seq, event_occurred_at FROM event_positions WHERE pos > $1 ORDER BY pos LIMIT $2
    )
    SELECT w.pos, e.seq, e.event_id, e.kind, e.aggregate_id, e.aggregate_version, e.actor_id, e.payload, e.occurred_at
    FROM wanted w
    CROSS JOIN LATERAL (
        SELECT * FROM events WHERE seq = w.event_seq AND occurred_at = w.event_occurred_at LIMIT 1
    ) e
    ORDER BY w.pos
"""


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event as the log holds it. `kind` names the payload's message, `occurred_at` is in UTC."""

    pos: int
    seq: int
    event_id: int
    kind: str
    aggregate_id: int
    aggregate_version: int
    actor_id: int
    payload: bytes
    occurred_at: datetime


class PostgresEventLog:
    """The event log in the service's own database."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def read(self, after_pos: int, limit: int) -> list[EventRow]:
        """At most `limit` (capped at 1000) events with a greater position, in order, without holes."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_READ_SQL, after_pos, min(limit, _MAX_READ))
        return [EventRow(*row) for row in rows]

    async def head(self) -> int:
        """The greatest position given out; 0 when there is none."""
        async with unavailable_as_app_error():
            head: int = await self._pool.fetchval("SELECT last_pos FROM relay_state")
        return head
