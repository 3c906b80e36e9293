"""The rates in force, read from their table and kept for a minute."""

from __future__ import annotations

from typing import Final

from services.chassis.clock import Clock
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.payments.domain.rates import Rate, RateTable

# A new rate is entered long before it holds, so a copy this old is never wrong.
_MAX_AGE_S: Final = 60.0
_SELECT_SQL: Final = "SELECT name, effective_from, basis_points FROM rates"


class PostgresRates:
    """Reads the table again once a minute, when somebody asks."""

    def __init__(self, pool: PostgresPool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._table: RateTable | None = None
        self._read_at = 0.0

    async def table(self) -> RateTable:
        """Every rate with its dates. AppError UNAVAILABLE when the database is away."""
        if self._table is None or self._clock.monotonic() - self._read_at >= _MAX_AGE_S:
            async with unavailable_as_app_error():
                rows = await self._pool.fetch(_SELECT_SQL)
            self._table = RateTable(Rate(*row) for row in rows)
            self._read_at = self._clock.monotonic()
        return self._table

    async def ready(self) -> bool:
        """Whether the rates can be read, hence the schema is there; a readiness check."""
        await self.table()
        return True
