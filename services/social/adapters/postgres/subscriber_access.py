"""Who may see what is for subscribers, kept from payments' event log."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from daira.events.v1 import events_pb2
from services.chassis.cursors import advance_cursor
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.chassis.stream_event import StreamEvent
from services.social.adapters.postgres.visibility import has_access

CONSUMER: Final = "social-subscriber-access"
_NEVER: Final = datetime.fromtimestamp(0, UTC)
# Subscriptions of a pair follow one another, and so do their events: the last one is what holds. Nobody who never had
# access gets a row.
_KEEP_SQL: Final = """
    INSERT INTO subscriber_access AS a (subscriber_id, creator_id, until)
    SELECT $1, $2, $3 WHERE $3 > 'epoch'::timestamptz
        OR EXISTS (SELECT FROM subscriber_access WHERE subscriber_id = $1 AND creator_id = $2)
    ON CONFLICT (subscriber_id, creator_id) DO UPDATE SET until = excluded.until
"""
_OPEN_SQL: Final = f"""
    SELECT creator FROM unnest($2::bigint[]) AS creator WHERE {has_access("$1", "creator")}
"""


class PostgresSubscriberAccess:
    """Applies each event once: effect and cursor commit together."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        """Apply a batch; CursorMoved when another replica was first."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            await advance_cursor(connection, CONSUMER, batch)
            for stream_event in batch:
                event = events_pb2.Event.FromString(stream_event.data)
                if event.WhichOneof("payload") == "subscription_changed":
                    changed = event.subscription_changed
                    until = changed.access_until.ToDatetime(UTC) if changed.HasField("access_until") else _NEVER
                    await connection.execute(_KEEP_SQL, changed.subscriber_id, changed.creator_id, until)

    async def open_to(self, viewer_id: int, creators: Collection[int]) -> set[int]:
        """Those of the creators whose posts for subscribers the viewer sees. AppError UNAVAILABLE."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_OPEN_SQL, viewer_id, list(creators))
        return {row[0] for row in rows}
