"""A Redis that is there and refuses writes, being full or read-only: waited for like one that is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from redis.exceptions import ResponseError

from dev.stores.redis_server import EmbeddedRedis
from services.chassis.clock import SystemClock
from services.chassis.consumer import Consumer
from services.chassis.cursors import PostgresCursorStore, PostgresDeadLetters
from services.chassis.errors import AppError
from services.chassis.event_log import PostgresEventLog
from services.chassis.metrics import Metrics
from services.chassis.postgres import PostgresPool
from services.chassis.redis_client import REDIS_AWAY, RedisBreaker, RedisClient, RedisRefusesError, create_redis
from services.chassis.stream_event import LogSource, StreamEvent
from tests.integration.chassis.conftest import STREAM, decode, encode, make_relay, running, stream_entries, until, write

pytestmark = [pytest.mark.stores, pytest.mark.faults]


@pytest.fixture
async def own_redis(killable_redis: EmbeddedRedis) -> AsyncIterator[RedisClient]:
    """A client of a server of the test's own, which it may fill up."""
    client = create_redis(killable_redis.url, timeout_s=1.0, client_name="test")
    yield client
    await client.aclose()


async def fill_up(redis: RedisClient) -> None:
    await redis.config_set("maxmemory", "1")


async def make_room(redis: RedisClient) -> None:
    await redis.config_set("maxmemory", "0")


async def refuse_writes(redis: RedisClient) -> None:
    """As a master does that has become a replica."""
    await redis.replicaof("127.0.0.1", "1")


@pytest.mark.parametrize("refuse", [fill_up, refuse_writes], ids=["full", "read-only"])
async def test_every_way_of_writing_is_refused_as_one_error(
    own_redis: RedisClient, refuse: Callable[[RedisClient], Awaitable[None]]
) -> None:
    script = own_redis.register_script("return redis.call('SET', KEYS[1], ARGV[1])")
    await script(keys=["greeting"], args=["أهلا"])
    await refuse(own_redis)
    with pytest.raises(RedisRefusesError):
        await own_redis.set("greeting", "مرحبا")
    with pytest.raises(RedisRefusesError):
        await script(keys=["greeting"], args=["مرحبا"])
    pipeline = own_redis.pipeline(transaction=False)
    pipeline.get("greeting")
    await script(keys=["greeting"], args=["مرحبا"], client=pipeline)
    pipeline.get("greeting")
    with pytest.raises(RedisRefusesError):
        await pipeline.execute()
    # The connection is good for the next command: no reply of the pipeline was left in it.
    assert await own_redis.get("greeting") == "أهلا".encode()
    with pytest.raises(AppError, match="away"):
        async with RedisBreaker(SystemClock()).guard():
            await own_redis.set("greeting", "مرحبا")


async def test_a_wrong_command_is_no_refusal(own_redis: RedisClient) -> None:
    await own_redis.set("greeting", "أهلا")
    with pytest.raises(ResponseError) as caught:
        await own_redis.incr("greeting")
    assert not isinstance(caught.value, REDIS_AWAY)


class Pusher:
    """A handler whose effect is in Redis, as the fan-out's is."""

    def __init__(self, redis: RedisClient) -> None:
        self._push = redis.register_script("return redis.call('RPUSH', KEYS[1], ARGV[1])")

    async def apply(self, batch: Sequence[StreamEvent]) -> None:
        for event in batch:
            await self._push(keys=["pushed"], args=[decode(event.data)[0]])


async def test_relay_and_consumer_wait_for_room_and_bury_nothing(pool: PostgresPool, own_redis: RedisClient) -> None:
    consumer = Consumer(
        "pusher",
        own_redis,
        STREAM,
        LogSource(PostgresEventLog(pool), encode),
        Pusher(own_redis),
        PostgresCursorStore(pool, "pusher"),
        metrics=Metrics(),
        clock=SystemClock(),
        dead_letter=PostgresDeadLetters(pool, "pusher"),
        batch=1,
    )
    relay = make_relay(pool, own_redis)
    async with running(relay.run, consumer.run):
        await write(pool, 5)
        await until(lambda: consumer.position == 5)
        await fill_up(own_redis)
        await write(pool, 5, first=6)
        await asyncio.sleep(1.0)
        assert consumer.position == 5
        await make_room(own_redis)
        await until(lambda: consumer.position == 10)
    assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 0
    assert [int(pos) for pos in await own_redis.lrange("pushed", 0, -1)] == list(range(1, 11))
    assert await stream_entries(own_redis) == [(n, n) for n in range(1, 11)]
