"""Budgets of codes in PostgreSQL: charging several is one statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from services.auth.application.code_ports import BudgetCharge, BudgetSpent, BudgetUse
from services.chassis.postgres import PostgresConnection

# One statement counts and decides, each row under its lock, in the order given. What it does not return is used up.
_CHARGE_SQL: Final = """
    INSERT INTO code_budgets AS b (subject, window_s, allowed, used, ends_at)
    SELECT subject, window_s, allowed, 1, $4::timestamptz + window_s * interval '1 second'
    FROM unnest($1::bytea[], $2::int[], $3::int[]) WITH ORDINALITY AS w (subject, window_s, allowed, place)
    ORDER BY place
    ON CONFLICT (subject, window_s) DO UPDATE SET
        allowed = excluded.allowed,
        used = CASE WHEN b.ends_at <= $4 THEN 1 ELSE b.used + 1 END,
        ends_at = CASE WHEN b.ends_at <= $4 THEN excluded.ends_at ELSE b.ends_at END
    WHERE b.ends_at <= $4 OR b.used < excluded.allowed
    RETURNING subject, window_s, used
"""
_ENDS_SQL: Final = "SELECT ends_at FROM code_budgets WHERE subject = $1 AND window_s = $2"


class BudgetSpentError(Exception):
    """Rolls a transaction back: a budget is used up."""

    def __init__(self, spent: BudgetSpent) -> None:
        super().__init__("a budget is spent")
        self.spent = spent


async def charge_all(
    connection: PostgresConnection, charges: Sequence[BudgetCharge], now: datetime
) -> Sequence[BudgetUse]:
    """Count one code against every budget, or raise BudgetSpentError with the one that is spent for longest."""
    windows = [charge.charge.window // timedelta(seconds=1) for charge in charges]
    rows = await connection.fetch(
        _CHARGE_SQL, [charge.subject for charge in charges], windows, [charge.charge.allowed for charge in charges], now
    )
    used = {(row["subject"], row["window_s"]): int(row["used"]) for row in rows}
    spent: list[BudgetSpent] = []
    for charge, window_s in zip(charges, windows, strict=True):
        if (charge.subject, window_s) not in used:
            ends_at: datetime = await connection.fetchval(_ENDS_SQL, charge.subject, window_s)
            # A clock that was ahead must close no budget for longer than its window.
            spent.append(BudgetSpent(charge.charge, min(ends_at - now, charge.charge.window)))
    if spent:
        raise BudgetSpentError(max(spent, key=lambda one: one.wait))
    return [
        BudgetUse(each.charge, used[each.subject, window_s]) for each, window_s in zip(charges, windows, strict=True)
    ]
