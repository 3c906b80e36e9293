"""One key, one body, one effect, one answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.errors import AppError
from services.chassis.idempotency import body_hash, check_key, claim, complete, find, purge
from services.chassis.postgres import PostgresPool

pytestmark = pytest.mark.stores

BODY = body_hash(b"request")


async def perform(pool: PostgresPool, actor: int = 1, method: str = "M", key: str = "k", body: bytes = BODY) -> bytes:
    async with pool.acquire() as connection, connection.transaction():
        earlier = await claim(connection, actor, method, key, body)
        if earlier is not None:
            return earlier
        number = await connection.fetchval("INSERT INTO effects DEFAULT VALUES RETURNING n")
        response = f"effect {number}".encode()
        await complete(connection, actor, method, key, response)
        return response


@pytest.fixture
async def effects(pool: PostgresPool) -> PostgresPool:
    await pool.execute("CREATE TABLE effects (n bigint GENERATED ALWAYS AS IDENTITY)")
    return pool


async def test_fifty_at_once_make_one_effect(effects: PostgresPool) -> None:
    answers = await asyncio.gather(*(perform(effects) for _ in range(50)))
    assert set(answers) == {answers[0]}
    assert await effects.fetchval("SELECT count(*) FROM effects") == 1


async def test_another_body_is_refused(effects: PostgresPool) -> None:
    await perform(effects)
    with pytest.raises(AppError) as caught:
        await perform(effects, body=body_hash(b"other"))
    assert caught.value.reason == "IDEMPOTENCY_KEY_REUSED"
    async with effects.acquire() as connection:
        with pytest.raises(AppError):
            await find(connection, 1, "M", "k", body_hash(b"other"))
        assert await find(connection, 1, "M", "unknown", BODY) is None


async def test_keys_are_the_actors_and_methods_own(effects: PostgresPool) -> None:
    answers = {await perform(effects), await perform(effects, actor=2), await perform(effects, method="N")}
    assert len(answers) == 3


async def test_a_failed_try_leaves_the_key_free(effects: PostgresPool) -> None:
    with pytest.raises(RuntimeError):  # noqa: PT012 - the block is the transaction
        async with effects.acquire() as connection, connection.transaction():
            assert await claim(connection, 1, "M", "k", BODY) is None
            raise RuntimeError
    assert (await perform(effects)).startswith(b"effect")


async def test_old_keys_are_forgotten(effects: PostgresPool) -> None:
    await perform(effects)
    now = datetime.now(UTC)
    async with effects.acquire() as connection:
        assert await purge(connection, now - timedelta(days=1)) == 0
        assert await purge(connection, now + timedelta(seconds=5)) == 1
        assert await find(connection, 1, "M", "k", BODY) is None


@pytest.mark.parametrize("key", ["", "a" * 65, "a b", "ا", "a\n", "a/b"])
def test_bad_keys(key: str) -> None:
    with pytest.raises(AppError) as caught:
        check_key(key)
    assert caught.value.field_violations[0].field == "idempotency_key"


def test_good_keys() -> None:
    assert check_key("A-z_0:9.") == "A-z_0:9."
    assert check_key("a" * 64)
