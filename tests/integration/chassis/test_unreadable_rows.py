"""A row of the log that is no event travels on, each consumer puts it aside, and no row behind it is held up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.chassis.clock import SystemClock
from services.chassis.consumer import Consumer
from services.chassis.cursors import PostgresCursorStore, PostgresDeadLetters
from services.chassis.event_log import EventRow, PostgresEventLog
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool
from services.chassis.redis_client import RedisClient, create_redis
from services.chassis.relay import Relay
from services.chassis.stream_event import LogSource, StreamEvent
from tests.integration.chassis.conftest import STREAM, decode, encode, running, until, write

pytestmark = pytest.mark.stores


def strict(row: EventRow) -> bytes:
    """An encoder that refuses one kind, as those of the services do with a kind or payload that is none."""
    if row.kind == "nonsense":
        raise ValueError(row.kind)
    return encode(row)


class Reader:
    """Keeps the aggregates of what it could read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        read = []
        for event in batch:
            if event.data.startswith(b"\x00nonsense"):
                raise ValueError("no event")
            read.append(decode(event.data)[1])
        self.read += read


@pytest.mark.parametrize("with_redis", [True, False], ids=["from the stream", "from the log"])
async def test_only_the_row_itself_is_lost(pool: PostgresPool, redis: RedisClient, *, with_redis: bool) -> None:
    await write(pool, 3)
    await pool.execute("INSERT INTO events (kind, aggregate_id, payload) VALUES ('nonsense', 4, 'هراء')")
    await write(pool, 3, first=5)
    used = redis if with_redis else create_redis("redis://127.0.0.1:1", timeout_s=0.25, client_name="test")
    handler, metrics = Reader(), Metrics()
    consumer = Consumer(
        "reader",
        used,
        STREAM,
        LogSource(PostgresEventLog(pool), strict),
        handler,
        PostgresCursorStore(pool, "reader"),
        metrics=metrics,
        clock=SystemClock(),
        dead_letter=PostgresDeadLetters(pool, "reader"),
        attempts=2,
    )
    relay = Relay(pool, used, STREAM, strict, SystemClock(), metrics=metrics)
    async with running(relay.run, consumer.run):
        await until(lambda: consumer.position == 7)
    assert handler.read == [1, 2, 3, 5, 6, 7]
    row = await pool.fetchrow("SELECT pos, event FROM dead_letters")
    assert row is not None
    assert (row["pos"], row["event"]) == (4, b"\x00nonsense\x00" + "هراء".encode())
    if not with_redis:
        await used.aclose()
