"""The store fixtures themselves: fresh each time, usable from async tests, independent of one another."""

from __future__ import annotations

from collections.abc import Callable

import asyncpg
import pytest
import redis.asyncio

from dev.stores.postgres_server import EmbeddedPostgres
from dev.stores.redis_server import EmbeddedRedis

pytestmark = pytest.mark.stores


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_has_an_empty_database(postgres_url: str, turn: int) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute("CREATE TABLE only_here (turn int)")
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 1
    finally:
        await connection.close()


async def test_a_factory_makes_many(postgres_database: Callable[[str], str]) -> None:
    first, second = postgres_database("auth"), postgres_database("social")
    assert first != second


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_has_an_empty_redis(redis_url: str, turn: int) -> None:
    client = redis.asyncio.Redis.from_url(redis_url)
    try:
        assert await client.dbsize() == 0
        await client.set("turn", turn)
    finally:
        await client.aclose()


async def test_a_killed_postgres_keeps_what_it_acknowledged(killable_postgres: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(killable_postgres.url)
    await connection.execute("CREATE TABLE kept (n int)")
    await connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
    killable_postgres.kill()
    assert not killable_postgres.is_ready()
    killable_postgres.start()
    again = await asyncpg.connect(killable_postgres.url)
    try:
        assert await again.fetchval("SELECT count(*) FROM kept") == 1000
    finally:
        await again.close()
        connection.terminate()


async def test_a_killed_redis_comes_back_empty(killable_redis: EmbeddedRedis) -> None:
    client = redis.asyncio.Redis.from_url(killable_redis.url)
    await client.set("a", 1)
    await client.aclose()
    killable_redis.kill()
    killable_redis.start()
    again = redis.asyncio.Redis.from_url(killable_redis.url)
    try:
        assert await again.dbsize() == 0
    finally:
        await again.aclose()


def test_a_clickhouse_url_names_a_place_of_its_own(clickhouse_url: str) -> None:
    assert clickhouse_url.startswith(("chdb:///", "clickhouse"))
