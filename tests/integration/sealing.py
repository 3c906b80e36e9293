"""Sealing a log to its end, whichever log it is."""

from __future__ import annotations

from typing import Protocol

from services.chassis.postgres import PostgresPool
from tests.stores import outlast_neighbours


class Sealer(Protocol):
    """Seals rows in batches."""

    async def seal(self, limit: int, /) -> int:
        """Seal at most so many; how many."""
        ...


async def seal_to_the_end(pool: PostgresPool, sealer: Sealer, batch: int) -> int:
    """Seal what can be sealed; how many rows."""
    await outlast_neighbours(pool)
    total = 0
    while sealed := await sealer.seal(batch):
        total += sealed
    return total
