"""Care of the ledger beside its postings: balances folded, months made, holds ended, and every rule checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error

_CHECK_SQL: Final = """
    SELECT problem, subject, found, expected FROM check_ledger()
    UNION ALL SELECT problem, subject, found, expected FROM check_subscriptions() LIMIT $1
"""
_CHECK_TIMEOUT_S: Final = 3600.0
_PROBLEMS_MAX: Final = 100
_MONTHS_AHEAD: Final = 12
_HOLDS_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class LedgerProblem:
    """One broken rule: what, about which account, transfer or entry, and the amounts in piastres."""

    problem: str
    subject: int
    found: int | None
    expected: int | None


async def fold_accounts(pool: PostgresPool) -> None:
    """Move what is certain of the platform's entries into their accounts' rows, so that their tails stay short."""
    async with unavailable_as_app_error():
        await pool.execute("SELECT fold_accounts()")


async def make_entry_partitions(pool: PostgresPool) -> None:
    """Make the months of entries that are missing of the next twelve."""
    async with unavailable_as_app_error():
        await pool.execute("SELECT make_entry_partitions($1)", _MONTHS_AHEAD)


async def expire_holds(pool: PostgresPool) -> int:
    """Free what is held beyond its time, a batch at most; how many holds that were."""
    async with unavailable_as_app_error():
        count: int = await pool.fetchval("SELECT expire_holds($1)", _HOLDS_AT_ONCE)
    return count


async def check_ledger(connection: PostgresConnection) -> list[LedgerProblem]:
    """Recompute the whole ledger in one snapshot; at most 100 problems, none when it is right."""
    rows = await connection.fetch(_CHECK_SQL, _PROBLEMS_MAX, timeout=_CHECK_TIMEOUT_S)
    return [LedgerProblem(*row) for row in rows]


async def balances(connection: PostgresConnection) -> dict[str, int]:
    """What each kind of account holds in all, in piastres."""
    rows = await connection.fetch(
        "SELECT kind, sum(balance)::bigint FROM account_balances GROUP BY kind ORDER BY kind", timeout=_CHECK_TIMEOUT_S
    )
    return {row[0]: row[1] for row in rows}
