"""What is over is forgotten, and accounts load in bulk as if they had registered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.auth.adapters.argon2_hasher import HashingSettings, hash_password
from services.auth.adapters.postgres.bulk_import import ImportedAccount, import_accounts
from services.chassis import ids
from tests.integration.auth.server import Running

MADE = datetime(2026, 11, 1, 12, tzinfo=UTC)


async def test_expired_sessions_and_closed_windows_go(auth: Running) -> None:
    made = await auth.register("01001234567")
    await auth.pool.execute(
        "INSERT INTO password_guesses VALUES (sha256('someone'), 3, $1, $1)", auth.clock.now() - timedelta(minutes=20)
    )
    assert await auth.auth.housekeeping.sweep() == 1
    # A used token goes a week after its own end, while its successor and their session stay.
    auth.clock.advance(20 * 86_400)
    current = await auth.refresh(made.tokens.refresh_token)
    auth.clock.advance(18 * 86_400)
    assert await auth.auth.housekeeping.sweep() == 1
    await auth.refresh(current.refresh_token)
    auth.clock.advance(150 * 86_400)
    assert await auth.auth.housekeeping.sweep() == 3
    assert await auth.pool.fetchval("SELECT count(*) FROM sessions") == 0
    assert await auth.pool.fetchval("SELECT count(*) FROM refresh_tokens") == 0
    assert await auth.pool.fetchval("SELECT count(*) FROM accounts") == 1


async def test_loaded_accounts_sign_in_and_loading_twice_changes_nothing(auth: Running) -> None:
    password_hash = hash_password("shared password", HashingSettings(memory_kib=7168, time_cost=1))
    accounts = [
        ImportedAccount(ids.compose(int(MADE.timestamp() * 1000) + n, n, n), f"+2010012{n:05d}", MADE)
        for n in range(1000)
    ]
    for expected in (1000, 0):
        async with auth.pool.acquire() as connection, connection.transaction():
            assert await import_accounts(connection, accounts, password_hash=password_hash) == expected
    signed_in = await auth.sign_in("010012 00007", "shared password")
    assert signed_in.user_id == accounts[7].user_id
    assert await auth.pool.fetchval("SELECT count(*) FROM events WHERE occurred_at = $1", MADE) == 1000
    assert (await auth.kinds()).count("user_registered") == 1000
