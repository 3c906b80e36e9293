"""Without its database auth fails closed and at once; killed in mid-write it keeps what it acknowledged."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from dev.stores.postgres_server import EmbeddedPostgres
from services.auth.migrate import MIGRATIONS
from services.chassis.migrations import upgrade
from tests.fakes.clock import FixedClock
from tests.integration.auth.server import read_refusal, refused, running

ROOT = Path(__file__).resolve().parents[3]
AWAY = grpc.StatusCode.UNAVAILABLE


@pytest.mark.faults
async def test_without_the_database_nobody_signs_in_but_tokens_verify(
    killable_postgres: EmbeddedPostgres, clock: FixedClock
) -> None:
    url = killable_postgres.url
    await upgrade(url, MIGRATIONS, lock_key="auth.migrations")
    async with running(url, clock) as auth:
        made = await auth.register("01001234567")
        await asyncio.to_thread(killable_postgres.kill)
        with refused(AWAY, "STORE_UNAVAILABLE"):
            await auth.sign_in("01001234567")
        with refused(AWAY, "STORE_UNAVAILABLE"):
            await auth.refresh(made.tokens.refresh_token)
        # The keys are in memory: who holds a token can still be recognised, here and elsewhere.
        with refused(AWAY, "STORE_UNAVAILABLE"):
            await auth.account(made.tokens.access_token)
        await asyncio.to_thread(killable_postgres.start)
        async with asyncio.timeout(30):
            while True:
                try:
                    signed_in = await auth.sign_in("01001234567")
                    break
                except grpc.aio.AioRpcError as error:
                    assert read_refusal(error).reason == "STORE_UNAVAILABLE"  # noqa: PT017 - it may only be away
                    await asyncio.sleep(0.05)
        assert signed_in.user_id == made.user_id
        await auth.refresh(made.tokens.refresh_token)


@pytest.mark.faults
async def test_killed_among_refreshes_one_live_successor_remains(
    killable_postgres: EmbeddedPostgres, clock: FixedClock
) -> None:
    url = killable_postgres.url
    await upgrade(url, MIGRATIONS, lock_key="auth.migrations")
    async with running(url, clock) as auth:
        people = [(await auth.register(f"0100123{n:04d}")).tokens.refresh_token for n in range(20)]
        calls = [asyncio.create_task(auth.refresh(token)) for token in people for _ in range(3)]
        await asyncio.sleep(0.01)
        await asyncio.to_thread(killable_postgres.kill)
        results = await asyncio.gather(*calls, return_exceptions=True)
        await asyncio.to_thread(killable_postgres.start)
    async with running(url, clock) as auth:
        for number, token in enumerate(people):
            acknowledged = {
                result.refresh_token
                for result in results[number * 3 : number * 3 + 3]
                if not isinstance(result, BaseException)
            }
            again = (await auth.refresh(token)).refresh_token
            assert acknowledged <= {again}
        assert await auth.pool.fetchval("SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL") == len(people)


def test_migrating_twice_at_once_and_again_is_one_migration(postgres_url: str) -> None:
    env = os.environ | {"AUTH_DATABASE_URL": postgres_url}
    command = [sys.executable, "-m", "services.auth.migrate"]
    children = [subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE) for _ in range(2)]
    outputs = [child.communicate(timeout=60)[0].decode() for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert sum('"revision":"0001"' in output for output in outputs) == 1
    again = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True, timeout=60)
    assert '"revision"' not in again.stdout
