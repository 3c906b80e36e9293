"""Trial balances from PostgreSQL: of now, of any moment, and each day's closing one, which is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any, Final

from services.chassis.clock import Clock
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error
from services.payments.domain.cairo import CAIRO, cairo_day, day_begins
from services.payments.domain.trial_balance import TrialBalance

_TIMEOUT_S: Final = 3600.0
_MICROSECOND: Final = timedelta(microseconds=1)

_NOW_SQL: Final = "SELECT kind, sum(balance)::bigint FROM account_balances GROUP BY kind ORDER BY kind"
_AT_SQL: Final = "SELECT kind, sum(change)::bigint FROM trial_balance($1, $2) GROUP BY kind ORDER BY kind"
_ALL_SQL: Final = "SELECT kind, sum(change)::bigint FROM trial_balance($1) GROUP BY kind ORDER BY kind"
_LAST_SQL: Final = "SELECT as_of, sums FROM trial_balances WHERE as_of <= $1 ORDER BY as_of DESC LIMIT 1"
_IS_KEPT_SQL: Final = "SELECT EXISTS (SELECT FROM trial_balances WHERE cairo_day = $1)"
_KEEP_SQL: Final = """
    INSERT INTO trial_balances (cairo_day, as_of, sums, unbalanced, checkpoint)
    VALUES ($1, $2, $3::jsonb, $4, coalesce((SELECT statement FROM ledger_checkpoints ORDER BY pos DESC LIMIT 1), ''))
    ON CONFLICT DO NOTHING
"""


async def balance_now(connection: PostgresConnection) -> TrialBalance:
    """What the accounts hold in the connection's snapshot, the platform's with what is not folded yet."""
    return TrialBalance(_sums(await connection.fetch(_NOW_SQL, timeout=_TIMEOUT_S)))


async def balance_of(connection: PostgresConnection, at: datetime) -> TrialBalance:
    """What the accounts held at a moment, the moment included, from every entry until then."""
    return TrialBalance(_sums(await connection.fetch(_ALL_SQL, at, timeout=_TIMEOUT_S)), at)


class PostgresTrialBalances:
    """The trial balances of payments' database. All methods: AppError UNAVAILABLE when it is away."""

    def __init__(self, pool: PostgresPool, clock: Clock, kept_at: time) -> None:
        self._pool = pool
        self._clock = clock
        self._kept_at = kept_at

    async def now(self) -> TrialBalance:
        """That of now."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection:
            return await balance_now(connection)

    async def keep_closing(self) -> TrialBalance | None:
        """Keep the closing balance of the Cairo day before, once it is `kept_at` in Cairo; None when that is done.

        It is made of the one before and what was posted since, so that it costs a day and not the whole history.
        """
        local = self._clock.now().astimezone(CAIRO)
        if local.time() < self._kept_at:
            return None
        today = cairo_day(local)
        closed, as_of = today - timedelta(days=1), day_begins(today) - _MICROSECOND
        async with (
            unavailable_as_app_error(),
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read"),
        ):
            if await connection.fetchval(_IS_KEPT_SQL, closed):
                return None
            last = await connection.fetchrow(_LAST_SQL, as_of)
            if last is None:
                closing = await balance_of(connection, as_of)
            else:
                changes = await connection.fetch(_AT_SQL, as_of, last["as_of"], timeout=_TIMEOUT_S)
                closing = TrialBalance(json.loads(last["sums"])).then(_sums(changes), as_of)
            await connection.execute(_KEEP_SQL, closed, as_of, json.dumps(dict(closing.sums)), closing.unbalanced)
        return closing


def _sums(rows: list[Any]) -> Mapping[str, int]:
    return {row[0]: row[1] for row in rows}
