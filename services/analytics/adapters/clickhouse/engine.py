"""What the store needs of a ClickHouse, embedded or not: statements, rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

# Codes of ClickHouse that are about its state and not about the statement: timeouts, limits, memory, disk, read-only,
# a network or a keeper that is away, a user or database that is being set up. The same statement may succeed later.
TRANSIENT_CODES: Final = frozenset(
    {3, 81, 159, 160, 164, 173, 192, 193, 194, 198, 201, 202, 203, 209, 210, 236, 241, 242, 243, 252, 253, 279, 286,
     319, 373, 394, 425, 516, 999, 1000}
)  # fmt: skip


class ClickHouse(Protocol):
    """A ClickHouse. Every method raises AppError UNAVAILABLE when it is away or too busy."""

    async def execute(self, statement: str) -> None:
        """Run a statement that answers nothing."""
        ...

    async def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a SELECT. Values are int, float or str: convert dates to strings in the statement."""
        ...

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows of int, str, aware datetime and date."""
        ...

    async def close(self) -> None:
        """Give back what it holds."""
        ...
