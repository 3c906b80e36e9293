"""Statements in PostgreSQL: balances and lines of one snapshot."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.payments.application.read_statement import StatementFacts
from services.payments.domain.statements import Period, StatementLine
from services.payments.domain.wallets import EntryKind, WalletEntry

_BALANCES_SQL: Final = "SELECT balance_at($1, $2), balance_at($1, $3)"
_BALANCE_SQL: Final = "SELECT balance_at($1, $2)"
_LINES_SQL: Final = """
    SELECT line, entry_id, transfer_id, kind, actor_id, recipient_id, amount, balance_after, whole, fee, vat, post_id,
        reverses, posted_at
    FROM statement_lines($1, $2, $3, $4, $5)
"""


class PostgresStatements:
    """The ledger of payments' database as of moments."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def of(self, user_id: int, asked: Period, *, after: int, limit: int) -> StatementFacts:
        """Balances around a period, and some of its lines, which belong together."""
        async with (
            unavailable_as_app_error(),
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            balances = await connection.fetchrow(_BALANCES_SQL, user_id, asked.just_before, asked.last)
            rows = await connection.fetch(_LINES_SQL, user_id, asked.since, asked.until, after, limit)
        lines = [
            StatementLine(
                WalletEntry(
                    entry_id=row["entry_id"],
                    transfer_id=row["transfer_id"],
                    kind=EntryKind.of(row["kind"], row["amount"]),
                    amount=row["amount"],
                    balance_after=row["balance_after"],
                    counterparty_id=_other(user_id, row["actor_id"], row["recipient_id"]),
                    posted_at=row["posted_at"],
                    number=row["line"],
                ),
                whole=row["whole"],
                fee=row["fee"],
                vat=row["vat"],
                post_id=row["post_id"],
                reverses=row["reverses"],
            )
            for row in rows
        ]
        opening, closing = balances or (0, 0)
        return StatementFacts(opening, closing, lines)

    async def balance_at(self, user_id: int, at: datetime) -> int:
        """What the wallet held at a moment."""
        async with unavailable_as_app_error():
            balance: int = await self._pool.fetchval(_BALANCE_SQL, user_id, at)
        return balance


def _other(user_id: int, actor_id: int, recipient_id: int) -> int:
    other = recipient_id if actor_id == user_id else actor_id
    return 0 if other == user_id else other
