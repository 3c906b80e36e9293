"""From the logs into the store: nothing lost, nothing counted twice, whatever fails in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest

from services.analytics.adapters.clickhouse.engine import ClickHouse
from services.analytics.adapters.clickhouse.event_store import ClickHouseEventStore
from services.analytics.adapters.log_handler import LogHandler
from services.analytics.application.ingest import Ingest
from services.chassis.clock import SystemClock
from services.chassis.consumer import Consumer
from services.chassis.errors import unavailable
from services.chassis.metrics import Metrics
from services.chassis.redis_client import RedisClient
from services.chassis.stream_event import StreamEvent
from tests.integration.analytics.owners import event, publish, some_events, stream_events

AUTHOR = 5
pytestmark = pytest.mark.stores


class Source:
    """The owner of the log."""

    def __init__(self, events: Sequence[StreamEvent]) -> None:
        self.events = list(events)

    async def read(self, after_pos: int, limit: int) -> list[StreamEvent]:
        return [each for each in self.events if each.pos > after_pos][:limit]


class Fragile:
    """A ClickHouse that fails when told to: before an insert, or after it as a crash would."""

    def __init__(self, inner: ClickHouse) -> None:
        self.inner = inner
        self.away = False
        self.fail_after_insert_into: list[str] = []
        self.refused = 0

    async def execute(self, statement: str) -> None:
        await self._guard()
        await self.inner.execute(statement)

    async def query(self, statement: str) -> list[tuple[Any, ...]]:
        await self._guard()
        return await self.inner.query(statement)

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        await self._guard()
        await self.inner.insert(table, columns, rows)
        if table in self.fail_after_insert_into:
            self.fail_after_insert_into.remove(table)
            raise unavailable("the answer was lost")

    async def close(self) -> None:
        return None

    async def _guard(self) -> None:
        if self.away:
            self.refused += 1
            raise unavailable("away")


@contextlib.asynccontextmanager
async def consuming(clickhouse: ClickHouse, redis: RedisClient, source: Source) -> AsyncIterator[Consumer]:
    ingest = Ingest("social", ClickHouseEventStore(clickhouse))
    handler = LogHandler(ingest, SystemClock(), pace_s=0.01)
    consumer = Consumer(
        "analytics:social", redis, "events:social", source, handler, handler, metrics=Metrics(), clock=SystemClock(),
        dead_letter=handler.bury, batch=100,
    )  # fmt: skip
    stop = asyncio.Event()
    task = asyncio.create_task(consumer.run(stop))
    try:
        yield consumer
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], Awaitable[bool] | bool]) -> None:
    async with asyncio.timeout(60):
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.02)


async def likes(clickhouse: ClickHouse) -> int:
    days = await ClickHouseEventStore(clickhouse).author_days(AUTHOR)
    return sum(figures.likes for figures in days.values())


async def stored(clickhouse: ClickHouse) -> tuple[int, int]:
    rows = await clickhouse.query("SELECT count(), uniqExact(event_id) FROM events FINAL")
    return int(rows[0][0]), int(rows[0][1])


async def test_from_the_stream_and_from_the_owner(clickhouse: ClickHouse, redis: RedisClient) -> None:
    events = some_events(450, author_id=AUTHOR)
    # Redis has lost the beginning.
    await publish(redis, "social", events[300:])
    async with consuming(clickhouse, redis, Source(stream_events(events))) as consumer:
        await until(lambda: consumer.position == 450)
        assert consumer.head == 450
    assert await likes(clickhouse) == 450
    assert await stored(clickhouse) == (450, 450)


async def test_a_restart_continues_from_the_stores_own_mark(clickhouse: ClickHouse, redis: RedisClient) -> None:
    events = stream_events(some_events(250, author_id=AUTHOR))
    async with consuming(clickhouse, redis, Source(events[:120])) as consumer:
        await until(lambda: consumer.position == 120)
    async with consuming(clickhouse, redis, Source(events)) as consumer:
        await until(lambda: consumer.position == 250)
    assert await likes(clickhouse) == 250


@pytest.mark.parametrize("table", ["author_facts", "events", "ingested"])
async def test_a_crash_between_any_two_inserts_loses_and_repeats_nothing(
    clickhouse: ClickHouse, redis: RedisClient, table: str
) -> None:
    events = stream_events(some_events(250, author_id=AUTHOR))
    fragile = Fragile(clickhouse)
    fragile.fail_after_insert_into = [table, table]
    async with consuming(fragile, redis, Source(events)) as consumer:
        await until(lambda: consumer.position == 250)
    assert fragile.fail_after_insert_into == []
    assert await likes(clickhouse) == 250
    assert await stored(clickhouse) == (250, 250)


async def test_clickhouse_away_from_the_start_and_again_later(clickhouse: ClickHouse, redis: RedisClient) -> None:
    source = Source(stream_events(some_events(100, author_id=AUTHOR)))
    fragile = Fragile(clickhouse)
    fragile.away = True
    async with consuming(fragile, redis, source) as consumer:
        await until(lambda: fragile.refused >= 3)
        assert consumer.position == 0
        fragile.away = False
        await until(lambda: consumer.position == 100)
        fragile.away = True
        source.events += stream_events(some_events(150, author_id=AUTHOR, first=101))
        refused = fragile.refused
        await until(lambda: fragile.refused >= refused + 3)
        fragile.away = False
        await until(lambda: consumer.position == 250)
    assert await likes(clickhouse) == 250
    rows = await clickhouse.query("SELECT count() FROM dead_letters")
    assert int(rows[0][0]) == 0


async def test_poison_is_put_aside_and_the_rest_goes_on(clickhouse: ClickHouse, redis: RedisClient) -> None:
    events = stream_events(some_events(20, author_id=AUTHOR))
    events[6] = StreamEvent(7, b"\xff\xff")
    async with consuming(clickhouse, redis, Source(events)) as consumer:
        await until(lambda: consumer.position == 20)
    assert await likes(clickhouse) == 19
    rows = await clickhouse.query("SELECT pos FROM dead_letters")
    assert [int(pos) for (pos,) in rows] == [7]
    async with consuming(clickhouse, redis, Source(events)) as consumer:
        await until(consumer.caught_up.is_set)
        assert consumer.position == 20


async def test_poison_at_the_end_is_not_met_again(clickhouse: ClickHouse, redis: RedisClient) -> None:
    events = [*stream_events([event(1, "user_registered")]), StreamEvent(2, b"\xff\xff")]
    for _ in range(2):
        async with consuming(clickhouse, redis, Source(events)) as consumer:
            await until(lambda: consumer.position == 2)
    rows = await clickhouse.query("SELECT count() FROM dead_letters")
    assert int(rows[0][0]) == 1
