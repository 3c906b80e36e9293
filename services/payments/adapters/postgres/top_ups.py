"""Records of top-ups in the ledger's database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import asyncpg

from daira.events.v1 import events_pb2
from services.chassis.postgres import PostgresPool, unavailable_as_app_error
from services.payments.domain.top_ups import TopUp, TopUpBeginning, TopUpLimits, TopUpOrder, TopUpState

_BEGIN_SQL: Final = "SELECT * FROM begin_top_up($1, $2, $3, $4, $5, $6, $7)"
_SETTLE_SQL: Final = "SELECT state, balance FROM post_top_up($1, $2, $3)"
_POSTPONE_SQL: Final = """
    UPDATE top_ups SET attempts = attempts + 1, inquire_at = clock_timestamp() + $2 WHERE id = $1 AND state = 'pending'
"""
_COLUMNS: Final = """
    u.id, u.user_id, u.amount, u.state, coalesce(u.balance_after, (SELECT posted FROM accounts WHERE id = u.user_id)),
    u.attempts
"""
_FIND_SQL: Final = f"SELECT {_COLUMNS} FROM top_ups u WHERE u.id = $1"
_CLAIM_SQL: Final = f"""
    UPDATE top_ups u SET inquire_at = clock_timestamp() + $2 FROM (
        SELECT id FROM top_ups WHERE state = 'pending' AND inquire_at <= clock_timestamp()
        ORDER BY inquire_at LIMIT $1 FOR UPDATE SKIP LOCKED
    ) AS due
    WHERE u.id = due.id RETURNING {_COLUMNS}
"""


class PostgresTopUps:
    """`lease_s` is for how long a charge or an inquiry is its caller's alone: longer than a provider's time-out."""

    def __init__(self, pool: PostgresPool, limits: TopUpLimits, *, lease_s: float) -> None:
        self._pool = pool
        self._limits = limits
        self._lease = timedelta(seconds=lease_s)

    async def begin(self, order: TopUpOrder) -> tuple[TopUpBeginning, TopUp | None]:
        """Record a pending top-up, or find the one with this key; None when a limit or a reused key refuses it."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(
                _BEGIN_SQL,
                order.user_id,
                order.amount,
                order.key,
                order.body,
                self._limits.day,
                self._limits.month,
                self._lease,
            )
        if row is None:
            raise RuntimeError("begin_top_up answers with one row")
        beginning = TopUpBeginning(row["beginning"])
        if beginning not in {TopUpBeginning.BEGUN, TopUpBeginning.KNOWN}:
            return beginning, None
        state = TopUpState(row["state"])
        return beginning, TopUp(row["id"], order.user_id, row["amount"], state, row["balance"], row["attempts"])

    async def settle(self, top_up: TopUp, *, succeeded: bool) -> TopUp:
        """Post or decline a pending top-up exactly once; the record as it then stands, whoever settled it."""
        event = events_pb2.WalletToppedUp if succeeded else events_pb2.TopUpDeclined
        payload = event(user_id=top_up.user_id, amount_piastres=top_up.amount).SerializeToString(deterministic=True)
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_SETTLE_SQL, top_up.top_up_id, succeeded, payload)
        if row is None:
            raise RuntimeError("post_top_up answers with one row")
        state = TopUpState(row["state"])
        return TopUp(top_up.top_up_id, top_up.user_id, top_up.amount, state, row["balance"], top_up.attempts)

    async def postpone(self, top_up: TopUp, delay_s: float) -> None:
        """The outcome is unknown: inquire again after `delay_s` seconds, not sooner."""
        async with unavailable_as_app_error():
            await self._pool.execute(_POSTPONE_SQL, top_up.top_up_id, timedelta(seconds=delay_s))

    async def find(self, top_up_id: int) -> TopUp:
        """The record as it stands; LookupError when there is none."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_FIND_SQL, top_up_id)
        if row is None:
            raise LookupError(f"no top-up {top_up_id}")
        return _top_up(row)

    async def claim_due(self, limit: int) -> Sequence[TopUp]:
        """At most `limit` pending top-ups whose inquiry is due, leased to this caller."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_CLAIM_SQL, limit, self._lease)
        return [_top_up(row) for row in rows]


def _top_up(row: asyncpg.Record) -> TopUp:
    top_up_id, user_id, amount, state, balance, attempts = row
    return TopUp(top_up_id, user_id, amount, TopUpState(state), balance, attempts)
