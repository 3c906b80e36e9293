"""The relay loses nothing and repeats nothing, whatever is late, killed, doubled or flushed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from services.chassis.event_log import PostgresEventLog
from services.chassis.postgres import PostgresPool
from services.chassis.redis_client import RedisClient, create_redis
from services.chassis.relay import _PENDING_SQL, ForeignLogError
from tests.integration.chassis.conftest import (
    STREAM,
    create_log,
    make_relay,
    running,
    stream_entries,
    write,
)
from tests.stores import outlast_neighbours

pytestmark = pytest.mark.stores

WRITERS = 16
EVENTS_EACH = 40


async def _write_with_late_commits(pool: PostgresPool, writer: int, seen: asyncio.Event) -> None:
    chance = random.Random(writer)
    for number in range(EVENTS_EACH):
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO events (kind, aggregate_id) VALUES ('thing_made', $1)", writer * EVENTS_EACH + number
            )
            if chance.random() < 0.2:
                await asyncio.sleep(chance.random() * 0.02)
    seen.set()


async def _naive_cursor(pool: PostgresPool, done: asyncio.Event) -> set[int]:
    """What most outboxes do: remember the greatest seq and ask for more."""
    seen: set[int] = set()
    cursor = 0
    while True:
        last_round = done.is_set()
        rows = await pool.fetch("SELECT seq FROM events WHERE seq > $1 ORDER BY seq LIMIT 500", cursor)
        seen.update(row["seq"] for row in rows)
        cursor = max([cursor, *seen])
        if last_round and not rows:
            return seen
        await asyncio.sleep(0.002)


async def test_late_commits_lose_nothing_where_a_naive_cursor_does(pool: PostgresPool, redis: RedisClient) -> None:
    relay = make_relay(pool, redis)
    done = asyncio.Event()
    async with running(relay.run):
        naive = asyncio.create_task(_naive_cursor(pool, done))
        await asyncio.gather(*(_write_with_late_commits(pool, n, asyncio.Event()) for n in range(WRITERS)))
        done.set()
        naive_seen = await naive
        total = WRITERS * EVENTS_EACH
        entries: list[tuple[int, int]] = []
        async with asyncio.timeout(20):
            while len(entries) < total:
                entries = await stream_entries(redis)
                await asyncio.sleep(0.02)
    assert [pos for pos, _ in entries] == list(range(1, total + 1))
    assert sorted(aggregate for _, aggregate in entries) == list(range(total))
    assert len(naive_seen) < total, "the writers did not commit late: the test shows nothing"


async def test_a_long_transaction_holds_back_only_what_is_not_final(pool: PostgresPool, redis: RedisClient) -> None:
    relay = make_relay(pool, redis)
    async with pool.acquire() as slow:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("INSERT INTO events (kind, aggregate_id) VALUES ('thing_made', 1)")
        await write(pool, 1, first=2)
        assert await relay.stamp() == 0
        await transaction.commit()
    await outlast_neighbours(pool)
    assert await relay.stamp() == 2
    rows = await PostgresEventLog(pool).read(0, 10)
    assert [(row.pos, row.aggregate_id) for row in rows] == [(1, 1), (2, 2)]


async def test_a_crash_between_stamp_and_publish_is_made_good(pool: PostgresPool, redis: RedisClient) -> None:
    await write(pool, 10)
    first = make_relay(pool, redis)
    await first.step()
    await write(pool, 10, first=11)
    await first.stamp()  # and here it dies
    second = make_relay(pool, redis)
    await second.publish()
    assert await stream_entries(redis) == [(n, n) for n in range(1, 21)]


async def test_two_relays_at_once_make_one_stream(pool: PostgresPool, redis: RedisClient) -> None:
    relays = [make_relay(pool, redis, batch=7) for _ in range(2)]
    total = 300
    async with running(*(relay.run for relay in relays)):
        for first in range(1, total + 1, 10):
            await write(pool, 10, first=first)
            await asyncio.sleep(0.002)
        async with asyncio.timeout(20):
            while await redis.xlen(STREAM) < total:  # noqa: ASYNC110 - a store is polled
                await asyncio.sleep(0.01)
    entries = await stream_entries(redis)
    assert entries == [(n, n) for n in range(1, total + 1)]


async def test_a_relay_cancelled_again_and_again_makes_no_hole(pool: PostgresPool, redis: RedisClient) -> None:
    total = 400
    await write(pool, total)
    chance = random.Random(7)
    for _ in range(30):
        task = asyncio.create_task(make_relay(pool, redis, batch=9).run(asyncio.Event()))
        await asyncio.sleep(chance.random() * 0.03)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    relay = make_relay(pool, redis)
    while await relay.step():
        pass
    assert await stream_entries(redis) == [(n, n) for n in range(1, total + 1)]


async def test_a_flushed_stream_starts_again_at_the_end_of_the_log(pool: PostgresPool, redis: RedisClient) -> None:
    relay = make_relay(pool, redis)
    async with running(relay.run):
        await write(pool, 5)
        await _until_length(redis, 5)
        await redis.flushall()
        await write(pool, 5, first=6)
        await _until_length(redis, 5)
    entries = await stream_entries(redis)
    positions = [pos for pos, _ in entries]
    assert positions == list(range(positions[0], 11))


async def test_a_stream_flushed_while_idle_comes_back(pool: PostgresPool, redis: RedisClient) -> None:
    relay = make_relay(pool, redis)
    async with running(relay.run):
        await write(pool, 5)
        await _until_length(redis, 5)
        await redis.flushall()
        await _until_length(redis, 5)
    assert await stream_entries(redis) == [(n, n) for n in range(1, 6)]


async def test_a_stream_that_lost_its_end_is_continued_from_there(pool: PostgresPool, redis: RedisClient) -> None:
    await write(pool, 20)
    await make_relay(pool, redis).step()
    for pos in range(11, 21):
        await redis.xdel(STREAM, f"{pos}-0")
    # As after a restart from an older snapshot: the last id is remembered by the key, so rebuild it.
    kept: Any = await redis.xrange(STREAM)
    await redis.delete(STREAM)
    for entry_id, fields in kept:
        await redis.xadd(STREAM, fields, id=entry_id)
    await make_relay(pool, redis).publish()
    assert await stream_entries(redis) == [(n, n) for n in range(1, 21)]


async def test_a_stream_whose_last_entries_were_deleted_by_hand_gets_them_again(
    pool: PostgresPool, redis: RedisClient
) -> None:
    await write(pool, 20)
    relay = make_relay(pool, redis)
    await relay.step()
    for pos in (18, 19, 20):
        await redis.xdel(STREAM, f"{pos}-0")
    await write(pool, 5, first=21)
    while await relay.step():
        pass
    assert await stream_entries(redis) == [(n, n) for n in range(1, 26)]


async def test_a_stream_of_another_log_is_replaced(pool: PostgresPool, redis: RedisClient) -> None:
    await redis.xadd(STREAM, {b"e": b"\0" * 16}, id="999-0")
    await write(pool, 3)
    relay = make_relay(pool, redis)
    await relay.step()
    await relay.publish()
    assert await stream_entries(redis) == [(1, 1), (2, 2), (3, 3)]


async def test_the_stream_is_cut_at_its_limit(pool: PostgresPool, redis: RedisClient) -> None:
    await write(pool, 1500)
    relay = make_relay(pool, redis, max_stream_length=200)
    while await relay.step():
        pass
    length = await redis.xlen(STREAM)
    assert 200 <= length < 1000


async def test_stamping_goes_on_without_redis(pool: PostgresPool) -> None:
    nowhere = create_redis("redis://127.0.0.1:1", timeout_s=0.25, client_name="test")
    relay = make_relay(pool, nowhere)
    async with running(relay.run):
        await write(pool, 5)
        log = PostgresEventLog(pool)
        async with asyncio.timeout(10):
            while await log.head() < 5:  # noqa: ASYNC110 - a store is polled
                await asyncio.sleep(0.01)
    await nowhere.aclose()


async def test_the_relay_makes_the_partitions_of_the_coming_days(pool: PostgresPool, redis: RedisClient) -> None:
    names: list[str] = []
    async with running(make_relay(pool, redis).run):
        async with asyncio.timeout(10):
            while len(names) < 9:
                rows = await pool.fetch(
                    "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'events'::regclass"
                )
                names = [row["name"] for row in rows if "_p2" in row["name"]]
                await asyncio.sleep(0.01)
        await write(pool, 3)
    assert await pool.fetchval("SELECT count(*) FROM ONLY events_default") == 0


async def test_looking_for_work_reads_no_old_events(pool: PostgresPool, redis: RedisClient) -> None:
    async with running(make_relay(pool, redis).run):
        await write(pool, 5000)
        async with asyncio.timeout(20):
            while await PostgresEventLog(pool).head() < 5000:  # noqa: ASYNC110 - a store is polled
                await asyncio.sleep(0.01)
        rows = await pool.fetch(f"EXPLAIN {_PENDING_SQL}")
    plan = "\n".join(row[0] for row in rows)
    assert "Seq Scan on events" not in plan


async def test_a_log_restored_into_another_cluster_is_refused(pool: PostgresPool, redis: RedisClient) -> None:
    await pool.execute("UPDATE relay_state SET last_xid = '99999999999'")
    with pytest.raises(ForeignLogError):
        await make_relay(pool, redis).run(asyncio.Event())


async def test_events_of_two_databases_have_different_ids(
    postgres_database: Callable[[str], str], pool: PostgresPool
) -> None:
    other_url = postgres_database("other")
    await create_log(other_url)
    mine = await pool.fetchval("SELECT (daira_id(hashtext(current_database())) >> 12) & 1023")
    hashed = await pool.fetchval("SELECT hashtext(current_database()) & 1023")
    assert mine == hashed


async def _until_length(redis: RedisClient, length: int) -> None:
    async with asyncio.timeout(10):
        while await redis.xlen(STREAM) != length:  # noqa: ASYNC110 - a store is polled
            await asyncio.sleep(0.01)
