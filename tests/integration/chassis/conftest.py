"""An event log in a database of the test's own, and the stream beside it."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import asyncpg
import pytest

from services.chassis.clock import SystemClock
from services.chassis.event_log import EventRow
from services.chassis.idempotency import IDEMPOTENCY_DDL
from services.chassis.ids import ID_DDL
from services.chassis.metrics import Metrics
from services.chassis.outbox import EVENTS_DDL
from services.chassis.postgres import PostgresPool, create_pool
from services.chassis.redis_client import RedisClient, create_redis
from services.chassis.relay import Relay
from tests.stores import outlast_neighbours

STREAM = "events:test"


def encode(row: EventRow) -> bytes:
    """A stand-in for the envelope: position, aggregate and payload."""
    return struct.pack("<qq", row.pos, row.aggregate_id) + row.payload


def decode(data: bytes) -> tuple[int, int, bytes]:
    pos, aggregate_id = struct.unpack("<qq", data[:16])
    return pos, aggregate_id, data[16:]


async def create_log(url: str) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    for statement in (*ID_DDL, *EVENTS_DDL, *IDEMPOTENCY_DDL):
        await connection.execute(statement)
    await connection.close()


async def write(pool: PostgresPool, count: int, *, first: int = 1) -> None:
    await pool.execute(
        "INSERT INTO events (kind, aggregate_id, payload)"
        " SELECT 'thing_made', n, convert_to(n::text, 'UTF8') FROM generate_series($1::bigint, $2::bigint) AS n",
        first,
        first + count - 1,
    )
    await outlast_neighbours(pool)


def make_relay(pool: PostgresPool, redis: RedisClient, **options: Any) -> Relay:
    return Relay(pool, redis, STREAM, encode, SystemClock(), metrics=Metrics(), **options)


@contextlib.asynccontextmanager
async def running(*mains: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> AsyncIterator[asyncio.Event]:
    """Runs the mains until the block ends; their errors are the test's."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(main(stop)) for main in mains]
    try:
        yield stop
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await asyncio.gather(*tasks)


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Waits for the condition; fails the test when it does not come true."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a store is polled
            await asyncio.sleep(0.01)


async def stream_entries(redis: RedisClient) -> list[tuple[int, int]]:
    """(position, aggregate) of everything in the stream."""
    entries: Any = await redis.xrange(STREAM)
    return [(int(entry_id.split(b"-")[0]), decode(fields[b"e"])[1]) for entry_id, fields in entries]


@pytest.fixture
async def pool(postgres_url: str) -> AsyncIterator[PostgresPool]:
    await create_log(postgres_url)
    pool = await create_pool(postgres_url, application_name="test", max_size=24, statement_timeout_ms=10_000)
    yield pool
    await pool.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisClient]:
    client = create_redis(redis_url, timeout_s=2.0, client_name="test")
    yield client
    await client.aclose()
