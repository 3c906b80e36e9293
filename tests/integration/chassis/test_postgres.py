"""A database that is away is an answer, not a hang."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from dev.stores.postgres_server import EmbeddedPostgres
from services.chassis.errors import AppError, ErrorKind
from services.chassis.postgres import PostgresPool, create_pool, is_connected, unavailable_as_app_error

pytestmark = pytest.mark.stores


async def test_nothing_there() -> None:
    with pytest.raises(AppError) as caught:
        await create_pool("postgresql://u:p@127.0.0.1:1/db", application_name="test", start_timeout_s=0.2)
    assert (caught.value.kind, caught.value.reason) == (ErrorKind.UNAVAILABLE, "STORE_UNAVAILABLE")


async def test_a_slow_statement_is_cut(postgres_url: str) -> None:
    pool = await create_pool(postgres_url, application_name="test", statement_timeout_ms=100)
    with pytest.raises(AppError) as caught:
        async with unavailable_as_app_error():
            await pool.execute("SELECT pg_sleep(30)")
    await pool.close()
    assert caught.value.kind is ErrorKind.UNAVAILABLE


async def test_mistakes_are_not_absence(pool: PostgresPool) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        async with unavailable_as_app_error():
            await pool.execute("SELECT * FROM nowhere")
    with pytest.raises(asyncpg.InterfaceError):
        async with unavailable_as_app_error():
            await pool.execute("SELECT $1::int", 1, 2)
    with pytest.raises(asyncpg.DataError), unavailable_as_app_error():
        await pool.execute("SELECT $1::int", "one")


async def test_a_closed_pool_is_absence(postgres_url: str) -> None:
    pool = await create_pool(postgres_url, application_name="test")
    assert await is_connected(pool)
    await pool.close()
    assert not await is_connected(pool)
    with pytest.raises(AppError):
        async with unavailable_as_app_error():
            await pool.execute("SELECT 1")


@pytest.mark.faults
async def test_sessions_ended_by_the_server_at_any_moment_are_absence(postgres_url: str) -> None:
    pool = await create_pool(postgres_url, application_name="test", max_size=8)
    ending = await create_pool(postgres_url, application_name="ends", min_size=1, max_size=1)
    done, answered, away = asyncio.Event(), 0, 0

    async def ask() -> None:
        nonlocal answered, away
        while not done.is_set():
            try:
                async with unavailable_as_app_error():
                    answered += await pool.fetchval("SELECT 1")
            except AppError:
                away += 1

    asking = [asyncio.create_task(ask()) for _ in range(8)]
    for _ in range(60):
        await ending.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test'")
        await asyncio.sleep(0.005)
    done.set()
    await asyncio.gather(*asking)
    await pool.close()
    await ending.close()
    assert answered > 0
    assert away > 0


@pytest.mark.faults
async def test_killed_and_started_again(killable_postgres: EmbeddedPostgres) -> None:
    pool = await create_pool(killable_postgres.url, application_name="test", max_size=4)
    await pool.execute("SELECT 1")
    await asyncio.to_thread(killable_postgres.kill)
    started = time.monotonic()
    for _ in range(5):
        with pytest.raises(AppError):
            async with unavailable_as_app_error():
                await pool.execute("SELECT 1")
    assert time.monotonic() - started < 15, "every call waits for a server that is gone"
    assert not await is_connected(pool)
    await asyncio.to_thread(killable_postgres.start)
    async with asyncio.timeout(30):
        while not await is_connected(pool):  # noqa: ASYNC110 - a store is polled
            await asyncio.sleep(0.05)
    assert await pool.fetchval("SELECT 1") == 1
    await pool.close()
