"""Forgets what is over, a bounded number of rows at a time."""

from __future__ import annotations

from datetime import datetime

from services.chassis.postgres import PostgresPool, affected_rows, unavailable_as_app_error


async def purge(pool: PostgresPool, sql: str, before: datetime | float, limit: int) -> int:
    """Run a DELETE with the parameters border and most rows; how many it deleted. AppError UNAVAILABLE."""
    async with unavailable_as_app_error():
        return affected_rows(await pool.execute(sql, before, limit))
