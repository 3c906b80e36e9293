"""Relay processes killed with SIGKILL every moment leave no hole and no repeat."""

from __future__ import annotations

import asyncio
import random
import sys

import pytest

from services.chassis.postgres import PostgresPool
from services.chassis.redis_client import RedisClient
from tests.integration.chassis.conftest import STREAM, make_relay, stream_entries, write

pytestmark = [pytest.mark.stores, pytest.mark.faults]

TOTAL = 2000
KILLS = 6

RELAY = """
import asyncio, sys
from services.chassis.postgres import create_pool
from services.chassis.redis_client import create_redis
from tests.integration.chassis.conftest import make_relay

async def main():
    pool = await create_pool(sys.argv[1], application_name="relay")
    redis = create_redis(sys.argv[2], timeout_s=1.0, client_name="relay")
    print("up", flush=True)
    await make_relay(pool, redis, batch=11).run(asyncio.Event())

asyncio.run(main())
"""


async def test_killed_again_and_again(
    pool: PostgresPool, redis: RedisClient, postgres_url: str, redis_url: str
) -> None:
    async def writer() -> None:
        for first in range(1, TOTAL + 1, 20):
            await write(pool, 20, first=first)
            await asyncio.sleep(0.01)

    chance = random.Random(11)
    writing = asyncio.create_task(writer())
    for _ in range(KILLS):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", RELAY, postgres_url, redis_url, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"up\n"
        await asyncio.sleep(chance.random() * 0.2)
        process.kill()
        await process.wait()
    await writing
    progressed = await redis.xlen(STREAM)
    relay = make_relay(pool, redis)
    while await relay.step():
        pass
    assert progressed > 0
    assert await stream_entries(redis) == [(n, n) for n in range(1, TOTAL + 1)]
