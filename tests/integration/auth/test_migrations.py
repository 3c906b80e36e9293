"""A database from before sessions said what was proved: its people stay signed in, and sign in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import argon2

from services.auth.adapters.refresh_token_mint import RefreshTokenMint
from services.auth.migrate import MIGRATIONS
from services.chassis.migrations import upgrade
from services.chassis.postgres import create_pool
from tests.fakes.clock import FixedClock
from tests.integration.auth.server import GOOD, running

PHONE = "+201001234567"
FIRST_SQL = """
    WITH account AS (
        INSERT INTO accounts (phone, password_hash, register_key, created_at) VALUES ($1, $2, 'k', $3) RETURNING user_id
    ), session AS (
        INSERT INTO sessions (session_id, user_id, started_at, expires_at)
        SELECT 77, user_id, $3, $4 FROM account RETURNING session_id
    ), token AS (
        INSERT INTO refresh_tokens (token_hash, session_id, expires_at) SELECT $5, session_id, $4 FROM session
    )
    INSERT INTO events (kind, aggregate_id, actor_id, payload)
    SELECT 'user_registered', user_id, user_id, '' FROM account
"""


async def test_sessions_of_before_live_on(postgres_database: Callable[[str], str], clock: FixedClock) -> None:
    url = postgres_database("auth_of_before")
    await upgrade(url, MIGRATIONS, lock_key="auth.migrations", revision="0001")
    mint = RefreshTokenMint()
    token, now = mint.new(), clock.now()
    password_hash = argon2.PasswordHasher(time_cost=1, memory_cost=7168, parallelism=1).hash(GOOD)
    pool = await create_pool(url, application_name="before")
    await pool.execute(FIRST_SQL, PHONE, password_hash, now, now + timedelta(days=1), mint.hash(token))
    await pool.close()
    # Twice, as when two replicas start.
    for _ in range(2):
        await upgrade(url, MIGRATIONS, lock_key="auth.migrations")
    async with running(url, clock) as auth:
        pair = await auth.refresh(token)
        await auth.account(pair.access_token)
        assert (await auth.sign_in(PHONE)).user_id
        assert await auth.pool.fetchval("SELECT level FROM sessions WHERE session_id = 77") == 1
