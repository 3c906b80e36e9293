"""What ended lately, read from PostgreSQL so that nothing that commits late is missed."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import asyncpg

from services.auth.adapters.postgres.purging import purge
from services.chassis.errors import AppError, invalid
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.chassis.revocations import REMEMBER_S, Revocation, RevocationPage

# One statement, one snapshot: what it saw and what it says it saw are the same. A transaction that was open then is not
# visible in that snapshot, so its rows come with the next question, whatever their numbers.
_ANSWER: Final = """
    SELECT s.snapshot, r.* FROM (SELECT pg_current_snapshot()::text AS snapshot) AS s LEFT JOIN LATERAL (
        {found}
    ) AS r ON true
"""
_FOUND: Final = """
    SELECT seq, session_id, user_id, least_epoch, issued_before FROM revocations
    WHERE revoked_at > clock_timestamp() - make_interval(secs => $3) AND seq > $1
"""
_READ_ALL_SQL: Final = _ANSWER.format(found=f"{_FOUND} ORDER BY seq LIMIT $2")
# Every process asks this several times a second, so it must cost what is new and not what is remembered: everything
# before the snapshot's xmin was visible in it. Materialised, for otherwise the planner walks along seq for the order.
_READ_NEW_SQL: Final = f"""
    WITH fresh AS MATERIALIZED (
        {_FOUND} AND xid >= pg_snapshot_xmin($4::text::pg_snapshot)
            AND NOT pg_visible_in_snapshot(xid, $4::text::pg_snapshot)
    ) {_ANSWER.format(found="SELECT * FROM fresh ORDER BY seq LIMIT $2")}
"""
_PURGE_SQL: Final = """
    DELETE FROM revocations WHERE seq IN (
        SELECT seq FROM revocations WHERE revoked_at < clock_timestamp() - make_interval(secs => $1)
        ORDER BY revoked_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""
_SNAPSHOT: Final = re.compile(r"[0-9]{1,20}:[0-9]{1,20}:([0-9]{1,20}(,[0-9]{1,20}){0,2000})?")
_PAGE: Final = 1_000


class PostgresRevocations:
    """The revocations of auth's database; a RevocationSource."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def read(self, seen: str, after: int) -> RevocationPage:
        """What came since the snapshot `seen`, after `after`; AppError INVALID_ARGUMENT, UNAVAILABLE."""
        if seen and _SNAPSHOT.fullmatch(seen) is None:
            raise _no_snapshot()
        if after < 0:
            raise invalid("after", "must not be negative")
        try:
            async with unavailable_as_app_error():
                what = (after, _PAGE + 1, REMEMBER_S)
                rows = await self._pool.fetch(*((_READ_NEW_SQL, *what, seen) if seen else (_READ_ALL_SQL, *what)))
        except asyncpg.InvalidTextRepresentationError:
            raise _no_snapshot() from None
        found = [row for row in rows if row["seq"] is not None]
        revocations = [
            Revocation(
                session_id=row["session_id"],
                user_id=row["user_id"],
                least_epoch=row["least_epoch"],
                issued_before_s=int(row["issued_before"].timestamp()) if row["issued_before"] else 0,
            )
            for row in found[:_PAGE]
        ]
        last = found[:_PAGE][-1]["seq"] if found else after
        return RevocationPage(revocations, rows[0]["snapshot"], last, len(found) > _PAGE)

    async def purge(self, _ended_before: datetime, limit: int) -> int:
        """Forget at most `limit` that no token can be of any more, by the database's own clock; how many."""
        return await purge(self._pool, _PURGE_SQL, 3 * REMEMBER_S, limit)


def _no_snapshot() -> AppError:
    return invalid("seen_snapshot", "must be what the answer before said")
