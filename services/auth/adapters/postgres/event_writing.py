"""Writes one event into auth's log, in the transaction of what it tells."""

from __future__ import annotations

from typing import Final

from services.chassis.postgres import PostgresConnection

_SQL: Final = "INSERT INTO events (kind, aggregate_id, actor_id, payload) VALUES ($1, $2, $3, $4)"


async def write_event(
    connection: PostgresConnection, kind: str, aggregate_id: int, actor_id: int, payload: bytes = b""
) -> None:
    """Write the event; `actor_id` is 0 for the platform."""
    await connection.execute(_SQL, kind, aggregate_id, actor_id, payload)
