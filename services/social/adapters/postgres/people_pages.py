"""Pages of the people on the other side of a relation, latest first, straight from an index."""

from __future__ import annotations

from typing import Final

from services.chassis.postgres import PostgresPool, unavailable_as_app_error

# After every moment that a row can have.
_BEGINNING: Final = (2**52, 0)


def page_statement(table: str, given: str, shown: str) -> str:
    """Of a relation's table: those in column `shown` whose `given` is the person."""
    return f"""
SELECT (extract(epoch FROM created_at) * 1000000)::bigint, {shown}
FROM {table}
WHERE {given} = $1 AND (created_at, {shown}) < ('epoch'::timestamptz + $2 * interval '1 microsecond', $3)
ORDER BY created_at DESC, {shown} DESC
LIMIT $4
"""


async def people_page(
    pool: PostgresPool, statement: str, user_id: int, after: tuple[int, int] | None, limit: int
) -> list[tuple[int, int]]:
    """(microseconds since 1970, person), latest first, after that pair. AppError UNAVAILABLE."""
    async with unavailable_as_app_error():
        rows = await pool.fetch(statement, user_id, *(after or _BEGINNING), limit)
    return [(row[0], row[1]) for row in rows]
