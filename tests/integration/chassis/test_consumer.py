"""A consumer applies every event, in order, whatever happens to the stream, to the store or in the handler."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import pytest

from dev.stores.redis_server import EmbeddedRedis
from services.chassis.clock import SystemClock
from services.chassis.consumer import Consumer
from services.chassis.cursors import MemoryCursorStore, PostgresCursorStore, PostgresDeadLetters, advance_cursor
from services.chassis.errors import unavailable
from services.chassis.event_log import PostgresEventLog
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool
from services.chassis.redis_client import RedisClient, create_redis
from services.chassis.stream_event import LogSource, StreamEvent
from tests.integration.chassis.conftest import STREAM, decode, encode, make_relay, running, until, write

pytestmark = pytest.mark.stores


class Recorder:
    """Keeps the positions applied, and fails as told."""

    def __init__(self, fail: Callable[[Sequence[StreamEvent]], Exception | None] = lambda _batch: None) -> None:
        self.applied: list[int] = []
        self.calls = 0
        self._fail = fail

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        self.calls += 1
        error = self._fail(batch)
        if error is not None:
            raise error
        for event in batch:
            assert decode(event.data)[0] == event.pos
        self.applied += [event.pos for event in batch]


def make_consumer(pool: PostgresPool, redis: RedisClient, handler: Any, **options: Any) -> Consumer:
    options.setdefault("cursor_store", MemoryCursorStore())
    return Consumer(
        "test",
        redis,
        STREAM,
        LogSource(PostgresEventLog(pool), encode),
        handler,
        metrics=Metrics(),
        clock=SystemClock(),
        **options,
    )


async def test_everything_is_applied_once_and_in_order(pool: PostgresPool, redis: RedisClient) -> None:
    handler = Recorder()
    consumer = make_consumer(pool, redis, handler, batch=7)
    async with running(make_relay(pool, redis).run, consumer.run):
        for first in range(1, 201, 10):
            await write(pool, 10, first=first)
        await until(lambda: consumer.position == 200)
        await until(consumer.caught_up.is_set)
    assert handler.applied == list(range(1, 201))
    assert consumer.lag == 0


async def test_a_consumer_of_an_empty_log_has_caught_up(pool: PostgresPool, redis: RedisClient) -> None:
    consumer = make_consumer(pool, redis, Recorder())
    async with running(consumer.run):
        await until(consumer.caught_up.is_set)
    assert consumer.position == 0


async def test_a_hole_in_the_stream_is_filled_from_the_log(pool: PostgresPool, redis: RedisClient) -> None:
    await write(pool, 30)
    await make_relay(pool, redis).step()
    for pos in (1, 2, 15, 16, 30):
        await redis.xdel(STREAM, f"{pos}-0")
    handler = Recorder()
    consumer = make_consumer(pool, redis, handler)
    async with running(consumer.run):
        await until(lambda: consumer.position == 30)
    assert handler.applied == list(range(1, 31))


async def test_what_was_cut_from_the_stream_is_read_from_the_log(pool: PostgresPool, redis: RedisClient) -> None:
    await write(pool, 700)
    relay = make_relay(pool, redis, max_stream_length=100)
    while await relay.step():
        pass
    handler = Recorder()
    consumer = make_consumer(pool, redis, handler)
    async with running(consumer.run):
        await until(lambda: consumer.position == 700)
    assert handler.applied == list(range(1, 701))


async def test_a_flush_under_load_loses_nothing(pool: PostgresPool, redis: RedisClient) -> None:
    handler = Recorder()
    consumer = make_consumer(pool, redis, handler)
    async with running(make_relay(pool, redis).run, consumer.run):
        for first in range(1, 301, 10):
            await write(pool, 10, first=first)
            if first % 100 == 51:
                await redis.flushall()
        await until(lambda: consumer.position == 300)
    assert handler.applied == list(range(1, 301))


async def test_it_works_without_redis(pool: PostgresPool) -> None:
    nowhere = create_redis("redis://127.0.0.1:1", timeout_s=0.25, client_name="test")
    handler = Recorder()
    consumer = make_consumer(pool, nowhere, handler)
    async with running(make_relay(pool, nowhere).run, consumer.run):
        await write(pool, 20)
        await until(lambda: consumer.position == 20)
    await nowhere.aclose()
    assert handler.applied == list(range(1, 21))


@pytest.mark.faults
async def test_redis_killed_and_started_again(pool: PostgresPool, killable_redis: EmbeddedRedis) -> None:
    redis = create_redis(killable_redis.url, timeout_s=0.5, client_name="test")
    handler = Recorder()
    consumer = make_consumer(pool, redis, handler)
    async with running(make_relay(pool, redis).run, consumer.run):
        await write(pool, 10)
        await until(lambda: consumer.position == 10)
        await asyncio.to_thread(killable_redis.kill)
        await write(pool, 10, first=11)
        await until(lambda: consumer.position == 20)
        await asyncio.to_thread(killable_redis.start)
        await write(pool, 10, first=21)
        await until(lambda: consumer.position == 30)
    await redis.aclose()
    assert handler.applied == list(range(1, 31))


async def test_a_poison_event_is_tried_buried_and_passed(pool: PostgresPool, redis: RedisClient) -> None:
    tries = 0

    def poison(batch: Sequence[StreamEvent]) -> Exception | None:
        nonlocal tries
        if any(event.pos == 13 for event in batch):
            tries += len(batch) == 1
            return ValueError("cannot be applied")
        return None

    await write(pool, 40)
    handler = Recorder(poison)
    store = PostgresCursorStore(pool, "test")
    consumer = make_consumer(
        pool, redis, handler, cursor_store=store, dead_letter=PostgresDeadLetters(pool, "test"), attempts=5
    )
    async with running(make_relay(pool, redis).run, consumer.run):
        await until(lambda: consumer.position == 40)
    assert handler.applied == [pos for pos in range(1, 41) if pos != 13]
    assert tries == 5
    letters = await pool.fetch("SELECT pos, event, error FROM dead_letters WHERE consumer = 'test'")
    assert [(row["pos"], decode(row["event"])[0], row["error"]) for row in letters] == [
        (13, 13, "ValueError: cannot be applied")
    ]
    assert await store.load() == 40


async def test_a_store_that_is_away_is_waited_for(pool: PostgresPool, redis: RedisClient) -> None:
    failures = iter([unavailable("away"), ConnectionResetError(), TimeoutError(), *[unavailable("away")] * 6])
    await write(pool, 5)
    handler = Recorder(lambda _batch: next(failures, None))
    letters: list[int] = []

    async def bury(event: StreamEvent, _error: Exception) -> None:
        letters.append(event.pos)

    consumer = make_consumer(pool, redis, handler, dead_letter=bury)
    async with running(make_relay(pool, redis).run, consumer.run):
        await until(lambda: consumer.position == 5)
    assert handler.applied == [1, 2, 3, 4, 5]
    assert letters == []


def at(consumer: Consumer, position: int) -> bool:
    return consumer.position == position


async def test_a_restarted_consumer_continues_from_its_cursor(pool: PostgresPool, redis: RedisClient) -> None:
    applied: list[int] = []
    for last in (10, 20):
        await write(pool, 10, first=last - 9)
        handler = Recorder()
        consumer = make_consumer(pool, redis, handler, cursor_store=PostgresCursorStore(pool, "test"))
        async with running(make_relay(pool, redis).run, consumer.run):
            await until(functools.partial(at, consumer, last))
        applied += handler.applied
    assert applied == list(range(1, 21))


class Counting:
    """Counts events in Postgres, its cursor in the same transaction; dies after the commit now and then."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await advance_cursor(connection, "counter", batch)
            await connection.execute("UPDATE counted SET n = n + $1", len(batch))


async def test_two_instances_with_a_cursor_in_their_transaction_count_once(
    pool: PostgresPool, redis: RedisClient
) -> None:
    await pool.execute("CREATE TABLE counted (n bigint)")
    await pool.execute("INSERT INTO counted VALUES (0)")
    store = PostgresCursorStore(pool, "counter")
    consumers = [
        make_consumer(pool, redis, Counting(pool), cursor_store=store, handler_saves_cursor=True, batch=5)
        for _ in range(2)
    ]
    async with running(make_relay(pool, redis).run, *(consumer.run for consumer in consumers)):
        for first in range(1, 301, 10):
            await write(pool, 10, first=first)
            await asyncio.sleep(0.002)
        await until(lambda: max(consumer.position for consumer in consumers) == 300)
    assert await pool.fetchval("SELECT n FROM counted") == 300
    assert await store.load() == 300


async def test_an_error_of_the_consumers_own_is_not_swallowed(pool: PostgresPool, redis: RedisClient) -> None:
    await pool.execute("DROP TABLE consumer_cursors")
    consumer = make_consumer(pool, redis, Recorder(), cursor_store=PostgresCursorStore(pool, "test"))
    with pytest.raises(asyncpg.UndefinedTableError):
        await consumer.run(asyncio.Event())
