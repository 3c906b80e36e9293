"""Plans in PostgreSQL, with the price of now and the next one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import asyncpg

from services.chassis.errors import failed_precondition, key_reused, not_found
from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error
from services.payments.application.subscription_ports import PriceChange
from services.payments.domain.billing_periods import Interval
from services.payments.domain.plans import PLANS_MAX, PRICE_CHANGES_MAX, NewPlan, Plan

_COLUMNS: Final = """
    SELECT p.id, p.creator_id, p.name_ar, p.name_en, p.months, p.trial_days, p.created_at, p.archived_at,
        coalesce(held.price, coming.price) AS price, CASE WHEN held.price IS NULL THEN NULL ELSE coming.price END
            AS next_price, CASE WHEN held.price IS NULL THEN NULL ELSE coming.effective_from END AS next_price_from
    FROM plans p
    LEFT JOIN LATERAL (
        SELECT r.price FROM plan_prices r WHERE r.plan_id = p.id AND r.effective_from <= clock_timestamp()
        ORDER BY r.effective_from DESC LIMIT 1
    ) AS held ON true
    LEFT JOIN LATERAL (
        SELECT r.price, r.effective_from FROM plan_prices r
        WHERE r.plan_id = p.id AND r.effective_from > clock_timestamp() ORDER BY r.effective_from LIMIT 1
    ) AS coming ON true
"""
_FIND_SQL: Final = f"{_COLUMNS} WHERE p.id = $1"
_LIST_SQL: Final = f"""
    {_COLUMNS} WHERE p.creator_id = $1 AND ($2 OR p.archived_at IS NULL)
    ORDER BY p.archived_at IS NOT NULL, p.id DESC LIMIT $3
"""
# What one creator does comes one after the other, so that no bound is passed by a race.
_LOCK_SQL: Final = "SELECT pg_advisory_xact_lock(hashtextextended('plans:' || $1::bigint, 0))"
_KNOWN_SQL: Final = "SELECT id, body_hash FROM plans WHERE creator_id = $1 AND key = $2"
_COUNT_SQL: Final = "SELECT count(*) FROM plans WHERE creator_id = $1 AND archived_at IS NULL"
_CREATE_SQL: Final = """
    WITH made AS (
        INSERT INTO plans (id, creator_id, name_ar, name_en, months, trial_days, key, body_hash)
        VALUES (daira_id(0), $1, $2, $3, $4, $5, $6, $7) RETURNING id, created_at
    )
    INSERT INTO plan_prices (plan_id, effective_from, price, key, body_hash)
    SELECT id, date_trunc('second', created_at), $8, $6, $7 FROM made RETURNING plan_id
"""
_KNOWN_PRICE_SQL: Final = "SELECT body_hash FROM plan_prices WHERE plan_id = $1 AND key = $2"
_PRICES_SQL: Final = "SELECT count(*) FROM plan_prices WHERE plan_id = $1"
# In whole seconds, as periods begin. Two changes for the same second: the later one holds a second later. A price is a
# raise when it is above one that holds until then.
_CHANGE_SQL: Final = """
    WITH wanted AS (
        SELECT date_trunc('second', clock_timestamp()) + greatest(make_interval(days => $3::int), CASE
            WHEN $2 > (
                SELECT price FROM plan_prices WHERE plan_id = $1 AND effective_from <= clock_timestamp()
                ORDER BY effective_from DESC LIMIT 1
            ) THEN $4::interval ELSE interval '1 s' END) AS at
    )
    INSERT INTO plan_prices (plan_id, effective_from, price, key, body_hash)
    SELECT $1, greatest(at, (
        SELECT max(effective_from) + interval '1 s' FROM plan_prices
        WHERE plan_id = $1 AND effective_from BETWEEN at AND at + interval '100 s'
    )), $2, $5, $6 FROM wanted
"""
_ARCHIVE_SQL: Final = """
    UPDATE plans SET archived_at = coalesce(archived_at, clock_timestamp()) WHERE id = $1 AND creator_id = $2
"""


class PostgresPlans:
    """Keeps plans; prices are added and never changed."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def create(self, new: NewPlan) -> Plan:
        """Keep a plan once a key. AppError FAILED_PRECONDITION: PLAN_LIMIT_REACHED, IDEMPOTENCY_KEY_REUSED."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK_SQL, new.creator_id)
            known = await connection.fetchrow(_KNOWN_SQL, new.creator_id, new.key)
            if known is None:
                if await connection.fetchval(_COUNT_SQL, new.creator_id) >= PLANS_MAX:
                    raise failed_precondition(f"there may be {PLANS_MAX} plans", "PLAN_LIMIT_REACHED")
                plan_id = await connection.fetchval(
                    _CREATE_SQL, new.creator_id, new.name_ar, new.name_en, new.interval.value, new.trial_days, new.key,
                    new.body, new.price,
                )  # fmt: skip
            elif known["body_hash"] != new.body:
                raise key_reused()
            else:
                plan_id = known["id"]
            return await _read(connection, plan_id)

    async def change_price(self, change: PriceChange, raise_notice_s: float) -> Plan:
        """Add a price, a raise not before `raise_notice_s` seconds. AppError NOT_FOUND, FAILED_PRECONDITION."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK_SQL, change.creator_id)
            row = await connection.fetchrow(_FIND_SQL, change.plan_id)
            if row is None or row["creator_id"] != change.creator_id:
                raise not_found("plan", "PLAN_NOT_FOUND")
            known = await connection.fetchval(_KNOWN_PRICE_SQL, change.plan_id, change.key)
            if known is not None and known != change.body:
                raise key_reused()
            if known is None:
                if await connection.fetchval(_PRICES_SQL, change.plan_id) >= PRICE_CHANGES_MAX:
                    raise failed_precondition(f"a plan has at most {PRICE_CHANGES_MAX} prices", "PLAN_LIMIT_REACHED")
                await connection.execute(
                    _CHANGE_SQL, change.plan_id, change.price, change.in_days,
                    timedelta(seconds=raise_notice_s), change.key, change.body,
                )  # fmt: skip
            return await _read(connection, change.plan_id)

    async def archive(self, creator_id: int, plan_id: int) -> Plan | None:
        """Let nobody new have it; None when the creator has no such plan."""
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(_ARCHIVE_SQL, plan_id, creator_id)
            return await _read(connection, plan_id) if status.endswith(" 1") else None

    async def find(self, plan_id: int) -> Plan | None:
        """A plan with the price of now."""
        async with unavailable_as_app_error():
            row = await self._pool.fetchrow(_FIND_SQL, plan_id)
        return None if row is None else _plan(row)

    async def list(self, creator_id: int, *, with_archived: bool, limit: int) -> Sequence[Plan]:
        """Plans of a creator: those that people can subscribe to first, newest first."""
        async with unavailable_as_app_error():
            return [_plan(row) for row in await self._pool.fetch(_LIST_SQL, creator_id, with_archived, limit)]


async def _read(connection: PostgresConnection, plan_id: int) -> Plan:
    row = await connection.fetchrow(_FIND_SQL, plan_id)
    if row is None:
        raise RuntimeError("a plan that was written is there")
    return _plan(row)


def _plan(row: asyncpg.Record) -> Plan:
    return Plan(
        row["id"], row["creator_id"], row["name_ar"], row["name_en"], Interval(row["months"]), row["price"],
        row["trial_days"], row["created_at"], row["archived_at"], row["next_price"] or 0, row["next_price_from"],
    )  # fmt: skip
