"""Refunds and write-offs: each one posting, decided under the lock of the wallets it is about."""

from __future__ import annotations

from typing import Final

import asyncpg

from services.chassis.errors import key_reused, not_found
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error
from services.payments.adapters.postgres.debts import lock, post
from services.payments.domain.refunds import MoneyBack, Original, Refund, refund_of, write_off
from services.payments.domain.splits import Split
from services.payments.domain.transfers import LedgerOutcome, Transfer, TransferKind

_ORIGINAL_SQL: Final = """
    SELECT id, kind, actor_id, recipient_id, amount, fee, vat, post_id FROM transfers WHERE id = $1
"""
_BEFORE_SQL: Final = "SELECT taken_back($1)"
_KNOWN_SQL: Final = """
    SELECT t.id, t.reverses, t.amount, t.fee, t.vat, t.body_hash, coalesce((
        SELECT -sum(e.amount) FROM entries e
        WHERE e.transfer_id = t.id AND e.id IN (SELECT t.id | (leg << 12) FROM generate_series(1, 16) AS leg)
            AND e.account_id < -999
    ), 0)::bigint AS owed
    FROM transfers t WHERE t.actor_id = $1 AND t.kind = $2 AND t.key = $3
"""
_REASON_SQL: Final = """
    INSERT INTO transfer_reasons (transfer_id, person_id, asked_by, reason) VALUES ($1, $2, $3, $4)
"""


class PostgresRefunds:
    """Gives back what people received."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def refund(self, order: MoneyBack, creator_id: int | None) -> Refund:
        """Give back of a transfer, once a key; only of one that `creator_id` received, None for anybody's."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            original = await _original(connection, order.subject_id)
            if original is None or creator_id not in {None, original.creator_id}:
                raise not_found("payment", "TRANSFER_NOT_FOUND")
            await lock(connection, original.creator_id, original.payer_id)
            actor, key = original.creator_id, order.scoped_key
            known = await _known(connection, actor, TransferKind.REFUND, key, order.body)
            if known is None:
                before = await connection.fetchval(_BEFORE_SQL, original.transfer_id)
                await _post(connection, order, refund_of(order, original, before))
                known = await _known(connection, actor, TransferKind.REFUND, key, order.body)
        if known is None:
            raise RuntimeError("what was posted is there")
        return Refund(known["id"], known["reverses"], known["amount"], known["fee"], known["vat"], known["owed"])

    async def write_off(self, order: MoneyBack) -> int:
        """Book what a person owes as a loss, once a key; the transfer's id."""
        debtor, key = order.subject_id, f"write-off:{order.scoped_key}"
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            standing = await lock(connection, debtor)
            known = await _known(connection, debtor, TransferKind.ADJUSTMENT, key, order.body)
            if known is not None:
                return int(known["id"])
            return await _post(connection, order, write_off(order, standing.owed))


async def _original(connection: PostgresConnection, transfer_id: int) -> Original | None:
    row = await connection.fetchrow(_ORIGINAL_SQL, transfer_id)
    if row is None:
        return None
    paid = Split(row["amount"], row["fee"], row["vat"])
    return Original(row["id"], TransferKind(row["kind"]), row["actor_id"], row["recipient_id"], paid, row["post_id"])


async def _known(
    connection: PostgresConnection, actor: int, kind: TransferKind, key: str, body: bytes
) -> asyncpg.Record | None:
    row = await connection.fetchrow(_KNOWN_SQL, actor, kind.value, key)
    if row is not None and row["body_hash"] != body:
        raise key_reused()
    return row


async def _post(connection: PostgresConnection, order: MoneyBack, transfer: Transfer) -> int:
    outcome, transfer_id = await post(transfer, connection)
    if outcome is not LedgerOutcome.POSTED:
        # Everything it could be refused for was looked at under the same locks.
        raise RuntimeError(f"the ledger says {outcome.value}")
    await connection.execute(_REASON_SQL, transfer_id, transfer.actor_id, order.asked_by, order.reason)
    return transfer_id
