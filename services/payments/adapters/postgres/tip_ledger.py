"""Tips posted to the ledger: one call of post_tips for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from daira.events.v1 import events_pb2
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.payments.domain.tips import TipOutcome, TipPosting, TipResult

_POST_SQL: Final = """
    SELECT outcome, transfer_id, amount, fee, vat, balance_after
    FROM post_tips($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
        $8::bytea[], $9::bytea[])
"""


class PostgresTipLedger:
    """The ledger's tables; see the migration for locks and invariants."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def post_all(self, postings: Sequence[TipPosting]) -> list[TipResult]:
        """Post tips of different senders in one transaction; a result for each, in order.

        A refused tip does not hinder the others. AppError UNAVAILABLE when the database is away: then each tip may or
        may not be posted, and posting it again with its key tells.
        """
        orders = [posting.order for posting in postings]
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(
                _POST_SQL,
                [order.sender_id for order in orders],
                [order.recipient_id for order in orders],
                [order.amount for order in orders],
                [posting.fee for posting in postings],
                [posting.vat for posting in postings],
                [order.post_id for order in orders],
                [order.key for order in orders],
                [order.body for order in orders],
                [_event(posting) for posting in postings],
            )
        return [
            TipResult(
                TipOutcome(row["outcome"]),
                transfer_id=row["transfer_id"] or 0,
                amount=row["amount"],
                fee=row["fee"],
                vat=row["vat"],
                balance_after=row["balance_after"],
            )
            for row in rows
        ]


def _event(posting: TipPosting) -> bytes:
    order = posting.order
    return events_pb2.TipSent(
        sender_id=order.sender_id,
        recipient_id=order.recipient_id,
        amount_piastres=order.amount,
        fee_piastres=posting.fee,
        vat_piastres=posting.vat,
        post_id=order.post_id,
    ).SerializeToString(deterministic=True)
