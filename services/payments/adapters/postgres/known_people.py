"""How well people are known, in PostgreSQL: what limits hold for them follows from it."""

from __future__ import annotations

from typing import Final

from daira.events.v1 import payment_events_pb2
from services.chassis.outbox import NEW_EVENT_SQL
from services.chassis.postgres import PostgresPool, affected_rows, unavailable_as_app_error
from services.payments.domain.payouts import IdentityLevel

_LEVEL_SQL: Final = "SELECT coalesce((SELECT level FROM known_people WHERE user_id = $1), 0)"
_SET_SQL: Final = """
    INSERT INTO known_people AS k (user_id, level) VALUES ($1, $2)
    ON CONFLICT (user_id) DO UPDATE SET level = excluded.level, known_since = now() WHERE k.level <> excluded.level
"""


class PostgresKnownPeople:
    """Reads and sets levels."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def level(self, user_id: int) -> int:
        """0 by phone, 1 by identity card, 2 as a licensed firm."""
        async with unavailable_as_app_error():
            return int(await self._pool.fetchval(_LEVEL_SQL, user_id))

    async def set_level(self, known: IdentityLevel) -> None:
        """Set it, with its event; a repetition changes nothing."""
        event = payment_events_pb2.IdentityLevelSet(level=known.level, reason=known.reason)
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            if affected_rows(await connection.execute(_SET_SQL, known.user_id, known.level)):
                await connection.execute(
                    NEW_EVENT_SQL, "identity_level_set", known.user_id, 0, known.set_by, event.SerializeToString()
                )
