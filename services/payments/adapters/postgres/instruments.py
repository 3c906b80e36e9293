"""Instruments in PostgreSQL, sealed; destinations of payouts are those of their owner that can be paid to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import asyncpg

from daira.events.v1 import payment_events_pb2
from services.chassis.errors import failed_precondition, not_found
from services.chassis.outbox import NEW_EVENT_SQL
from services.chassis.postgres import PostgresPool, affected_rows, unavailable_as_app_error
from services.payments.adapters.instrument_box import InstrumentBox
from services.payments.domain.instruments import Instrument
from services.payments.domain.payouts import DESTINATIONS_MAX, PayoutDestination
from services.payments.domain.providers import Rail

_SHOWN: Final = "id, rail, network, label, added_at, usable_at"
_LIST_SQL: Final = f"""
    SELECT {_SHOWN} FROM instruments WHERE user_id = $1 AND rail <> 'card' AND removed_at IS NULL ORDER BY id DESC
"""
# Additions of one person come one after the other, so that neither the bound nor a fingerprint is passed by a race.
_LOCK_SQL: Final = "SELECT pg_advisory_xact_lock(hashtextextended('instruments:' || $1::bigint, 0))"
_KNOWN_SQL: Final = f"""
    SELECT {_SHOWN} FROM instruments WHERE user_id = $1 AND fingerprint = $2 AND removed_at IS NULL
"""
_COUNT_SQL: Final = "SELECT count(*) FROM instruments WHERE user_id = $1 AND rail <> 'card' AND removed_at IS NULL"
_ID_SQL: Final = "SELECT daira_id(0)"
_ADD_SQL: Final = f"""
    INSERT INTO instruments (id, user_id, rail, network, label, sealed, fingerprint, usable_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + $8) RETURNING {_SHOWN}
"""
_REMOVE_SQL: Final = """
    UPDATE instruments SET removed_at = clock_timestamp()
    WHERE id = $2 AND user_id = $1 AND rail <> 'card' AND removed_at IS NULL
"""
_OPEN_SQL: Final = "SELECT user_id, rail, network, sealed FROM instruments WHERE id = $1"
# A payout that is on its way names its destination in what it remembers.
_WIPE_SQL: Final = """
    UPDATE instruments i SET sealed = NULL
    WHERE removed_at IS NOT NULL AND sealed IS NOT NULL AND NOT EXISTS (
        SELECT FROM sagas s WHERE s.subject_id = i.user_id AND s.ended_at IS NULL
            AND (s.data ->> 'destination_id')::bigint = i.id
    )
"""


class PostgresInstruments:
    """Keeps and opens instruments."""

    def __init__(self, pool: PostgresPool, box: InstrumentBox) -> None:
        self._pool = pool
        self._box = box

    async def open(self, instrument_id: int) -> Instrument:
        """The instrument in the clear. AppError NOT_FOUND when it is gone; UNAVAILABLE."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_OPEN_SQL, instrument_id)
        if row is None or row["sealed"] is None:
            raise not_found("instrument", "DESTINATION_NOT_FOUND")
        account, holder_name, national_id = self._box.open(instrument_id, row["user_id"], row["sealed"])
        return Instrument(
            instrument_id, row["user_id"], Rail(row["rail"]), row["network"], account, holder_name, national_id
        )

    async def add(self, instrument: Instrument, wait_s: float) -> PayoutDestination:
        """Keep it, usable after `wait_s` seconds; the one there is when it is known. FAILED_PRECONDITION at 10."""
        user_id, fingerprint = instrument.user_id, self._box.fingerprint(instrument)
        event = payment_events_pb2.PayoutDestinationAdded(network=instrument.network)
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK_SQL, user_id)
            row = await connection.fetchrow(_KNOWN_SQL, user_id, fingerprint)
            if row is not None:
                return _destination(row)
            if await connection.fetchval(_COUNT_SQL, user_id) >= DESTINATIONS_MAX:
                raise failed_precondition(f"there may be {DESTINATIONS_MAX} destinations", "DESTINATION_LIMIT_REACHED")
            fresh = await connection.fetchval(_ID_SQL)
            added = await connection.fetch(
                _ADD_SQL, fresh, user_id, instrument.rail.value, instrument.network, instrument.label,
                self._box.seal(fresh, instrument), fingerprint, timedelta(seconds=wait_s),
            )  # fmt: skip
            await connection.execute(
                NEW_EVENT_SQL, "payout_destination_added", fresh, 1, user_id, event.SerializeToString()
            )
        return _destination(added[0])

    async def remove(self, user_id: int, destination_id: int) -> bool:
        """Forget it once nothing is on its way there; False when the person has none of that id."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            removed = affected_rows(await connection.execute(_REMOVE_SQL, user_id, destination_id))
            if removed:
                await connection.execute(NEW_EVENT_SQL, "payout_destination_removed", destination_id, 2, user_id, b"")
        return bool(removed)

    async def list(self, user_id: int) -> Sequence[PayoutDestination]:
        """Those of a person that were not removed, newest first."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_LIST_SQL, user_id)
        return [_destination(row) for row in rows]

    async def wipe(self) -> int:
        """Forget what is sealed of removed instruments that nothing is on its way to; how many these are."""
        async with unavailable_as_app_error():
            return affected_rows(await self._pool.execute(_WIPE_SQL))


def _destination(row: asyncpg.Record) -> PayoutDestination:
    return PayoutDestination(
        row["id"], Rail(row["rail"]), row["network"], row["label"], row["added_at"], row["usable_at"]
    )
