"""Reports in Postgres: how far a reporter is trusted is judged by the statement that writes the report."""

from __future__ import annotations

from typing import Final

from daira.events.v1 import events_pb2
from services.chassis.errors import exhausted, invalid
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.social.adapters.postgres.posts import SHOWN, known_id
from services.social.domain.post import post_not_found

# Reports of one person take turns, so that each counts those before it.
_TURN: Final = "SELECT pg_advisory_xact_lock(hashtext('reports'), hashint8($1))"
# 100 percent for a profile of 30 days or more whose owner reported nothing in the last day, and half of it after five
# reports. It grows with the square of the age: an account of a day counts nothing, so a crowd made for the day is worth
# nothing, however large; one of ten days counts a ninth. The event's last field, trust_percent, is written behind the
# others here: a number below 128 is one byte. A report that is there already needs no place among those of the day.
_REPORT: Final = """
WITH lately AS MATERIALIZED (
    SELECT count(*) AS reports, min(created_at) AS oldest FROM (
        SELECT created_at FROM reports WHERE user_id = $2 AND created_at > clock_timestamp() - interval '1 day'
        ORDER BY created_at DESC LIMIT $4
    ) newest
), judged AS (
    SELECT reports, round(
        100 * least(1, greatest(0, coalesce(extract(epoch FROM clock_timestamp() - p.created_at), 0)) / 2592000) ^ 2
        / (1 + reports / 5.0)
    )::integer AS trust
    FROM lately LEFT JOIN profiles p ON p.user_id = $2
), made AS (
    INSERT INTO reports (post_id, user_id, trust) SELECT $1, $2, trust FROM judged WHERE reports < $4
    ON CONFLICT DO NOTHING RETURNING post_id, trust
), logged AS (
    INSERT INTO events (kind, aggregate_id, actor_id, payload)
    SELECT 'post_reported', post_id, $2, $3 || '\\x10'::bytea || set_byte('\\x00'::bytea, 0, trust) FROM made
)
SELECT (extract(epoch FROM oldest + interval '1 day' - clock_timestamp()) * 1000)::bigint FROM lately
WHERE reports >= $4 AND NOT EXISTS (SELECT 1 FROM reports WHERE post_id = $1 AND user_id = $2)
"""


class PostgresReports:
    """Implements application.ports.Reports."""

    def __init__(self, pool: PostgresPool, daily_limit: int) -> None:
        self._pool = pool
        self._daily_limit = daily_limit

    async def report(self, post_id: int, user_id: int) -> int:
        """Report once."""
        async with unavailable_as_app_error():
            found = await self._pool.fetchrow(SHOWN, known_id(post_id), user_id)
        if found is None:
            raise post_not_found()
        shown, author_id = found[0], found[1]
        if author_id == user_id:
            raise invalid("post_id", "is a post of your own", reason="SELF_NOT_ALLOWED")
        payload = events_pb2.PostReported(author_id=author_id).SerializeToString()
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_TURN, user_id)
            wait_ms = await connection.fetchval(_REPORT, shown, user_id, payload, self._daily_limit)
        if wait_ms is not None:
            raise exhausted("you reported a lot today", max(1, wait_ms), "REPORT_LIMIT_REACHED")
        return int(shown)
