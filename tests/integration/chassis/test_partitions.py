"""Partitions appear ahead of time, whoever makes them, and take what fell beside them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.ids import compose
from services.chassis.partitions import DailyTable, drop_old_partitions, ensure_daily_partitions
from services.chassis.postgres import PostgresPool

pytestmark = pytest.mark.stores

NOW = datetime.now(UTC)
EVENTS = DailyTable("events")
THINGS = DailyTable("things", key="id")


async def make(pool: PostgresPool, table: DailyTable, **days: int) -> list[str]:
    async with pool.acquire() as connection:
        return await ensure_daily_partitions(connection, table, now=NOW, **days)


async def test_days_around_today_and_only_once(pool: PostgresPool) -> None:
    names = await make(pool, EVENTS, days_back=1, days_ahead=2)
    assert names == [f"events_p{NOW + timedelta(days=offset):%Y%m%d}" for offset in range(-1, 3)]
    assert await make(pool, EVENTS, days_back=1, days_ahead=2) == []
    assert await make(pool, EVENTS, days_back=1, days_ahead=3) == [f"events_p{NOW + timedelta(days=3):%Y%m%d}"]


async def test_many_at_once(pool: PostgresPool) -> None:
    made = await asyncio.gather(*(make(pool, EVENTS, days_back=0, days_ahead=3) for _ in range(6)))
    assert sum(len(names) for names in made) == 4


async def test_rows_of_the_default_partition_move(pool: PostgresPool) -> None:
    await pool.execute("INSERT INTO events (kind, aggregate_id) SELECT 'thing_made', n FROM generate_series(1, 50) n")
    assert await pool.fetchval("SELECT count(*) FROM events_default") == 50
    await make(pool, EVENTS)
    assert await pool.fetchval("SELECT count(*) FROM events_default") == 0
    assert await pool.fetchval("SELECT count(*) FROM events") == 50
    await pool.execute("INSERT INTO events (kind, aggregate_id) VALUES ('thing_made', 51)")
    assert await pool.fetchval("SELECT count(DISTINCT seq) FROM events") == 51


async def test_partitions_by_id(pool: PostgresPool) -> None:
    await pool.execute("CREATE TABLE things (id bigint PRIMARY KEY, body text) PARTITION BY RANGE (id)")
    await make(pool, THINGS, days_back=0, days_ahead=1)
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    first_ms = int(midnight.timestamp()) * 1000
    for ms in (first_ms, first_ms + 86_400_000 - 1, first_ms + 86_400_000):
        await pool.execute("INSERT INTO things VALUES ($1, 'x')", compose(ms, 1023, 4095))
    counts = await pool.fetch(
        "SELECT tableoid::regclass::text AS name, count(*) AS n FROM things GROUP BY 1 ORDER BY 1"
    )
    assert [row["n"] for row in counts] == [2, 1]


async def test_writers_are_not_disturbed(pool: PostgresPool) -> None:
    done = asyncio.Event()

    async def writer() -> int:
        written = 0
        while not done.is_set():
            await pool.execute("INSERT INTO events (kind, aggregate_id) VALUES ('thing_made', 1)")
            written += 1
        return written

    writers = [asyncio.create_task(writer()) for _ in range(8)]
    await asyncio.sleep(0.1)
    made: list[str] = []
    async with asyncio.timeout(20):
        while len(made) < 9:
            made += await make(pool, EVENTS)
    await asyncio.sleep(0.1)
    done.set()
    written = sum(await asyncio.gather(*writers))
    assert await pool.fetchval("SELECT count(*) FROM events") == written
    assert await pool.fetchval("SELECT count(*) FROM events_default") == 0


async def test_ids_from_the_database(pool: PostgresPool) -> None:
    rows = await pool.fetch("SELECT daira_id(77) AS sharded, daira_id() AS own FROM generate_series(1, 2000)")
    assert len({row["sharded"] for row in rows} | {row["own"] for row in rows}) == 4000
    assert {row["sharded"] >> 12 & 1023 for row in rows} == {77}
    assert all(row["own"] >> 12 & 1023 == row["own"] & 1023 for row in rows)
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    assert abs(compose(now_ms, 0, 0) - rows[0]["own"]) < compose(now_ms, 0, 0) - compose(now_ms - 60_000, 0, 0)


async def test_days_gone_by_are_dropped(pool: PostgresPool) -> None:
    await make(pool, EVENTS, days_back=12, days_ahead=1)
    kept = DailyTable("events", kept_days=8)
    async with pool.acquire() as connection:
        assert await drop_old_partitions(connection, EVENTS, now=NOW) == []
        assert await drop_old_partitions(connection, kept, now=NOW) == [
            f"events_p{NOW - timedelta(days=days):%Y%m%d}" for days in (12, 11, 10, 9)
        ]
        assert await drop_old_partitions(connection, kept, now=NOW) == []
    days = await pool.fetchval("SELECT count(*) FROM pg_class WHERE relname ~ '^events_p[0-9]{8}$'")
    assert days == 8 + 1 + 1
    # What has no partition of its own stays.
    assert await pool.fetchval("SELECT to_regclass('events_default') IS NOT NULL")


async def test_many_drop_at_once(pool: PostgresPool) -> None:
    await make(pool, EVENTS, days_back=12, days_ahead=0)

    async def drop() -> None:
        async with pool.acquire() as connection:
            await drop_old_partitions(connection, DailyTable("events", kept_days=8), now=NOW)

    await asyncio.gather(*(drop() for _ in range(6)))
    assert await pool.fetchval("SELECT count(*) FROM pg_class WHERE relname ~ '^events_p[0-9]{8}$'") == 8 + 1
