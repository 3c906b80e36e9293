"""Limits by person, rail, and Cairo day, month and clock hour; also on days of 23 and 25 hours."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from services.chassis.postgres import PostgresPool
from tests.integration.payments.test_postings import give

FAN = 7_101
NOON = datetime(2026, 6, 15, 9, tzinfo=UTC)


async def allow(pool: PostgresPool, *, day: int = 10_000, month: int = 25_000, hour: int = 100) -> None:
    await pool.execute(
        "INSERT INTO limits VALUES ('card', 0, '2026-01-01', 100, 6000, $1, $2, $3, 'a test')", day, month, hour
    )


async def take(pool: PostgresPool, amount: int, at: datetime = NOON) -> str:
    outcome: str = await pool.fetchval("SELECT take_limit($1, 'card', $2, $3)", FAN, amount, at)
    return outcome


async def test_each_window_has_its_own_limit(ledger_pool: PostgresPool) -> None:
    await allow(ledger_pool)
    assert [await take(ledger_pool, amount) for amount in (99, 6_001)] == ["each", "each"]
    assert [await take(ledger_pool, 6_000), await take(ledger_pool, 4_001), await take(ledger_pool, 4_000)] == [
        "within", "day", "within",
    ]  # fmt: skip
    for days, outcome in ((1, "within"), (2, "within"), (3, "month"), (20, "within")):
        assert await take(ledger_pool, 6_000, NOON + timedelta(days=days)) == outcome, days


async def test_so_many_in_an_hour(ledger_pool: PostgresPool) -> None:
    await allow(ledger_pool, hour=2)
    at = NOON.replace(minute=58)
    assert [await take(ledger_pool, 100, at + timedelta(seconds=n)) for n in range(3)] == ["within", "within", "hour"]
    assert await take(ledger_pool, 100, at + timedelta(minutes=2)) == "within"


@pytest.mark.parametrize(
    ("first", "last", "after"),
    [
        # Clocks go from 24:00 to 01:00 on 24 April 2026: that day begins at 22:00 UTC and has 23 hours.
        (datetime(2026, 4, 23, 22, tzinfo=UTC), datetime(2026, 4, 24, 20, 59, 59, tzinfo=UTC),
         datetime(2026, 4, 24, 21, tzinfo=UTC)),
        # And back at midnight on 29 October 2026: that day has 25 hours.
        (datetime(2026, 10, 28, 21, tzinfo=UTC), datetime(2026, 10, 29, 21, 59, 59, tzinfo=UTC),
         datetime(2026, 10, 29, 22, tzinfo=UTC)),
    ],
)  # fmt: skip
async def test_days_that_are_shorter_and_longer(
    ledger_pool: PostgresPool, first: datetime, last: datetime, after: datetime
) -> None:
    await allow(ledger_pool)
    assert await take(ledger_pool, 6_000, first - timedelta(seconds=1)) == "within"
    assert await take(ledger_pool, 6_000, first) == "within"
    assert await take(ledger_pool, 6_000, last) == "day"
    assert await take(ledger_pool, 4_000, last) == "within"
    assert await take(ledger_pool, 6_000, after) == "within"


async def test_a_clock_that_steps_back_gives_nothing_twice(ledger_pool: PostgresPool) -> None:
    await allow(ledger_pool)
    assert await take(ledger_pool, 6_000, NOON + timedelta(days=1)) == "within"
    assert await take(ledger_pool, 6_000, NOON) == "day"


async def test_what_came_to_nothing_counts_no_longer(ledger_pool: PostgresPool) -> None:
    await allow(ledger_pool)
    await take(ledger_pool, 6_000)
    await ledger_pool.execute("SELECT give_back_usage($1, 'card', 6000, $2)", FAN, NOON)
    assert await take(ledger_pool, 6_000) == "within"
    # Of another day it gives nothing back to this one.
    await ledger_pool.execute("SELECT give_back_usage($1, 'card', 6000, $2)", FAN, NOON - timedelta(days=1))
    assert await take(ledger_pool, 6_000) == "day"


async def test_who_is_known_better_may_do_more_from_its_date_on(ledger_pool: PostgresPool) -> None:
    await allow(ledger_pool)
    rows = "('card', 1, $1, 100, 9000, 90000, 90000, 10, 'a test')"
    await ledger_pool.execute(f"INSERT INTO limits VALUES {rows}", NOON)
    await ledger_pool.execute("INSERT INTO known_people VALUES ($1, 1)", FAN)
    assert await take(ledger_pool, 9_000, NOON) == "within"
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await ledger_pool.execute("UPDATE limits SET each_max = 1")
    with pytest.raises(asyncpg.NoDataFoundError):
        await ledger_pool.fetchval("SELECT take_limit($1, 'card', 100, '2020-01-01')", FAN)


async def test_tips_count_where_they_are_posted(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    await ledger_pool.execute("INSERT INTO limits VALUES ('tip', 0, '2026-01-01', 100, 6000, 1000, 9000, 9, 'a test')")
    tip = "SELECT outcome FROM post_tip($1, 7102, 300, 15, 2, 0, $2, 'h', '')"
    outcomes = await asyncio.gather(*(ledger_pool.fetchval(tip, FAN, f"{n}") for n in range(8)))
    assert sorted(outcomes) == ["day"] * 5 + ["posted"] * 3
    assert await ledger_pool.fetchval("SELECT posted FROM accounts WHERE id = $1", FAN) == 9_100


async def test_what_counted_last_month_frees_nothing_of_this_one(ledger_pool: PostgresPool) -> None:
    await allow(ledger_pool, month=12_000)
    assert [await take(ledger_pool, 6_000, NOON + timedelta(days=days)) for days in (0, 1)] == ["within", "within"]
    last_month = NOON - timedelta(days=31)
    await ledger_pool.execute("SELECT give_back_usage($1, 'card', 6000, $2)", FAN, last_month)
    assert await take(ledger_pool, 100, NOON + timedelta(days=2)) == "month"


async def test_each_rail_counts_for_itself(ledger_pool: PostgresPool) -> None:
    await allow(ledger_pool)
    assert await take(ledger_pool, 6_000) == "within"
    await ledger_pool.execute("SELECT count_usage(ARRAY[$1::bigint], 'bank', ARRAY[6000::bigint], $2)", FAN, NOON)
    await ledger_pool.execute("SELECT give_back_usage($1, 'bank', 6000, $2)", FAN, NOON)
    assert await take(ledger_pool, 6_000) == "day"
