"""Ends sessions in PostgreSQL, each with its event or all with one, whoever asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.auth.adapters.postgres import event_payloads
from services.auth.domain.session import SessionEnd
from services.chassis.postgres import PostgresConnection, PostgresPool

# Each event's payload names its session, so they are given for the sessions that there are; what is started meanwhile
# stays, and what ended meanwhile has its event already.
_END_SQL: Final = """
    WITH ended AS (
        UPDATE sessions s SET ended_at = $3, end_cause = $4
        FROM unnest($5::bigint[], $6::bytea[]) AS given (session_id, payload)
        WHERE s.session_id = given.session_id AND s.user_id = $1 AND s.ended_at IS NULL
        RETURNING s.session_id, given.payload
    ), told AS (
        INSERT INTO events (kind, aggregate_id, actor_id, payload)
        SELECT 'session_ended', $1, $2, payload FROM ended ORDER BY session_id
    )
    SELECT count(*) FROM ended
"""
_END_ALL_SQL: Final = """
    WITH moved AS (
        UPDATE accounts SET epoch = $5 WHERE user_id = $1
    ), ended AS (
        UPDATE sessions SET ended_at = $3, end_cause = $4 WHERE user_id = $1 AND ended_at IS NULL RETURNING session_id
    ), told AS (
        INSERT INTO events (kind, aggregate_id, actor_id, payload) VALUES ('sessions_revoked', $1, $2, $6)
    )
    SELECT count(*) FROM ended
"""


async def end_session(
    source: PostgresPool | PostgresConnection, session_id: int, user_id: int, cause: SessionEnd, at: datetime
) -> bool:
    """End the user's session with its event, once; whether it was this call that did."""
    actor_id = user_id if cause.is_by_owner else 0
    return await end_sessions(source, user_id, actor_id, [session_id], cause, at) > 0


async def end_sessions(
    source: PostgresPool | PostgresConnection,
    user_id: int,
    actor_id: int,
    session_ids: Sequence[int],
    cause: SessionEnd,
    at: datetime,
) -> int:
    """End those of the user's sessions that have not ended, each with its event, in one statement; how many."""
    payloads = [event_payloads.session_ended(session_id, cause) for session_id in session_ids]
    ended: int = await source.fetchval(_END_SQL, user_id, actor_id, at, cause.value, session_ids, payloads)
    return ended


async def end_all_sessions(
    connection: PostgresConnection, user_id: int, actor_id: int, epoch: int, cause: SessionEnd, at: datetime
) -> int:
    """End all of the user's sessions and move the epoch on from `epoch`, with one event; how many sessions.

    The caller holds the account's row: a session that is being opened waits for it, or is seen and ended.
    """
    payload = event_payloads.sessions_revoked(epoch + 1)
    ended: int = await connection.fetchval(_END_ALL_SQL, user_id, actor_id, at, cause.value, epoch + 1, payload)
    return ended
