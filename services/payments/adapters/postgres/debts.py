"""What people owe: wallets locked with their debt, a debt taken from its wallet, and all debts worked through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from daira.events.v1 import events_pb2, payment_events_pb2
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error
from services.payments.domain.transfers import LedgerOutcome, Transfer, TransferKind, collection, owing, payer_of

_LOCK_SQL: Final = "SELECT available, owed, debt_version FROM lock_wallets($1, $2::bigint[])"
_POST_SQL: Final = """
    SELECT outcome, transfer FROM post_transfer($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::bigint[], $11::bigint[],
        coalesce((SELECT id FROM holds WHERE saga_id = $12 AND purpose = $13), 0),
        coalesce((SELECT id FROM transfers WHERE actor_id = $2 AND kind = $17 AND key = $18), $14), $15, $16)
"""
_DEBTORS_SQL: Final = """
    SELECT -d.id FROM accounts d JOIN accounts w ON w.id = -d.id
    WHERE d.id BETWEEN $1::bigint + 1 AND -1000 AND d.posted < 0 AND w.posted > w.held
    ORDER BY d.id LIMIT $2
"""
_OWED_SQL: Final = "SELECT -posted FROM accounts WHERE id = -$1::bigint AND kind = 'recovery'"
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Standing:
    """A person's locked wallet in piastres: what is `available`, what they owe, and the version of the debt."""

    available: int
    owed: int
    debt_version: int


async def post(
    transfer: Transfer, connection: PostgresConnection, saga_id: int = 0
) -> tuple[LedgerOutcome, int]:  # fmt: skip
    """Post a transfer with its event inside the caller's transaction; the outcome and the transfer's id."""
    if transfer.may_owe:
        standing = await lock(connection, payer_of(transfer), *(leg.account_id for leg in transfer.legs))
        transfer = owing(transfer, standing.available)
    kind, payload = _event(transfer)
    row = await connection.fetchrow(
        _POST_SQL,
        transfer.kind.value,
        transfer.actor_id,
        transfer.recipient_id,
        transfer.amount,
        transfer.fee,
        transfer.vat,
        transfer.post_id,
        transfer.key,
        transfer.body,
        [leg.account_id for leg in transfer.legs],
        [leg.amount for leg in transfer.legs],
        saga_id,
        transfer.captures,
        transfer.reverses,
        kind,
        payload,
        transfer.reverses_kind.value if transfer.reverses_kind else None,
        transfer.reverses_key,
    )
    if row is None:
        raise RuntimeError("post_transfer answers with one row")
    return LedgerOutcome(row["outcome"]), row["transfer"]


async def lock(connection: PostgresConnection, payer: int, *accounts: int) -> Standing:
    """Lock a person's wallet and debt, and the other wallets among `accounts`, in the order that everybody does."""
    row = await connection.fetchrow(_LOCK_SQL, payer, [one for one in accounts if one > 0])
    if row is None:
        raise RuntimeError("lock_wallets answers with one row")
    return Standing(row["available"], row["owed"], row["debt_version"])


async def collect(connection: PostgresConnection, user_id: int, *, whole: bool) -> LedgerOutcome:
    """Take what a person owes from their wallet, as far as it goes; with `whole` all of it or nothing, DEBT_OPEN."""
    if not await connection.fetchval(_OWED_SQL, user_id):
        return LedgerOutcome.DONE
    standing = await lock(connection, user_id)
    amount = min(standing.available, standing.owed)
    if whole and amount < standing.owed:
        return LedgerOutcome.DEBT_OPEN
    if amount > 0:
        await post(collection(user_id, amount, standing.debt_version), connection)
    return LedgerOutcome.DONE


class PostgresDebts:
    """What people owe, read and collected."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def owed(self, user_id: int) -> int:
        """What a person owes, in piastres. AppError UNAVAILABLE when the database is away."""
        async with unavailable_as_app_error():
            return await self._pool.fetchval(_OWED_SQL, user_id) or 0

    async def collect_all(self) -> int:
        """Collect from every wallet that holds something and whose owner owes; from how many that was."""
        collected = 0
        below = -(1 << 63)
        while True:
            async with unavailable_as_app_error():
                debtors = [row[0] for row in await self._pool.fetch(_DEBTORS_SQL, below, _BATCH)]
            for debtor in debtors:
                async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
                    await collect(connection, debtor, whole=False)
            collected += len(debtors)
            if len(debtors) < _BATCH:
                return collected
            below = -debtors[-1]


def _event(transfer: Transfer) -> tuple[str, bytes]:
    if transfer.kind is TransferKind.TOP_UP:
        topped_up = events_pb2.WalletToppedUp(user_id=transfer.actor_id, amount_piastres=transfer.amount)
        return "wallet_topped_up", topped_up.SerializeToString(deterministic=True)
    posted = payment_events_pb2.TransferPosted(
        actor_id=transfer.actor_id,
        recipient_id=transfer.recipient_id,
        amount_piastres=transfer.amount,
        fee_piastres=transfer.fee,
        vat_piastres=transfer.vat,
        reverses_id=transfer.reverses,
        transfer_kind=transfer.kind.value,
    )
    return "transfer_posted", posted.SerializeToString(deterministic=True)
