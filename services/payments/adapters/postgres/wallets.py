"""Wallets and their statements, read from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.payments.domain.wallets import EntryKind, Wallet, WalletEntry

_BALANCE_SQL: Final = "SELECT posted FROM accounts WHERE id = $1 AND kind = 'wallet'"
_OPEN_SQL: Final = "SELECT open_wallets(ARRAY[$1::bigint], $1)"
_ENTRIES_SQL: Final = """
    SELECT e.id, e.transfer_id, t.kind, e.amount, e.balance_after,
        coalesce(nullif(CASE t.actor_id WHEN $1 THEN t.recipient_id ELSE t.actor_id END, $1), 0), t.posted_at, e.version
    FROM (
        SELECT * FROM entries WHERE account_id = $1 AND account_id > 0 AND version < $2 ORDER BY version DESC LIMIT $3
    ) AS e
    JOIN transfers t ON t.id = e.transfer_id
    ORDER BY e.version DESC
"""


class PostgresWallets:
    """Reads by primary key and by the statement's index; opens a wallet in one call."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def open(self, user_id: int) -> Wallet:
        """The wallet of a person, opened now if there is none."""
        async with unavailable_as_app_error():
            balance = await self._pool.fetchval(_BALANCE_SQL, user_id)
            if balance is None:
                # Somebody else may open it at the same time; one of both writes the event.
                await self._pool.execute(_OPEN_SQL, user_id)
                balance = await self._pool.fetchval(_BALANCE_SQL, user_id)
        return Wallet(user_id, balance)

    async def entries(self, user_id: int, *, before: int, limit: int) -> Sequence[WalletEntry]:
        """At most `limit` lines with a number below `before`, newest first; none without a wallet."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_ENTRIES_SQL, user_id, before, limit)
        return [WalletEntry(row[0], row[1], EntryKind.of(row[2], row[3]), *row[3:]) for row in rows]
