"""The root key: made once, kept when the key in the settings changes, and refused under any other."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from services.auth.adapters.postgres.root_key import load_root_key, read_root_key, reseal_root_key
from services.auth.adapters.postgres.signing_keys import PostgresSigningKeys
from services.auth.adapters.signing_key_box import SigningKeyBox
from services.auth.application.key_ring import KeyRing
from services.auth.domain.key_schedule import KeySchedule
from services.chassis.postgres import PostgresPool, create_pool
from services.sealing.key_encryption import KeyEncryptionKeys, WrongKeyEncryptionKeyError
from tests.fakes.clock import FixedClock
from tests.integration.auth.server import ENV
from tests.stores import ROOT

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)


@pytest.fixture
async def pool(auth_database: str) -> AsyncIterator[PostgresPool]:
    """Connections to auth's database."""
    opened = await create_pool(auth_database, application_name="test", max_size=8)
    yield opened
    await opened.close()


def text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode()


def command(
    module: str, url: str, *arguments: str, env: Mapping[str, str] | None = None, **keys: bytes
) -> subprocess.CompletedProcess[str]:
    """A program of auth's with the keys as settings: AUTH_KEY_ENCRYPTION_<name>."""
    settings = {f"AUTH_KEY_ENCRYPTION_{name}": text(key) for name, key in keys.items()}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ | (env or {}) | {"AUTH_DATABASE_URL": url} | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_who_starts_together_has_one_root_key(pool: PostgresPool) -> None:
    found = await asyncio.gather(*(load_root_key(pool, KeyEncryptionKeys("auth", OLD)) for _ in range(8)))
    assert len(set(found)) == 1
    assert found[0] != OLD
    row = await pool.fetchval("SELECT sealed FROM root_key")
    assert found[0] not in row


async def test_what_was_sealed_before_there_was_one_still_opens(pool: PostgresPool, clock: FixedClock) -> None:
    before = KeyRing(PostgresSigningKeys(pool, SigningKeyBox(OLD)), KeySchedule(), clock)
    await before.load()
    root_key = await load_root_key(pool, KeyEncryptionKeys("auth", OLD))
    after = KeyRing(PostgresSigningKeys(pool, SigningKeyBox(root_key)), KeySchedule(), clock)
    await after.load()
    assert after.signing() == before.signing()


async def test_the_key_in_the_settings_is_changed_and_the_root_key_stays(pool: PostgresPool) -> None:
    root_key = await load_root_key(pool, KeyEncryptionKeys("auth", OLD))
    changing = KeyEncryptionKeys("auth", NEW, OLD)
    assert await load_root_key(pool, changing) == root_key
    # Until it is sealed anew both are good, so that replicas may restart in any order.
    assert await load_root_key(pool, KeyEncryptionKeys("auth", OLD)) == root_key
    assert any(await asyncio.gather(*(reseal_root_key(pool, changing) for _ in range(3))))
    assert await load_root_key(pool, KeyEncryptionKeys("auth", NEW)) == root_key
    assert not await reseal_root_key(pool, changing)
    with pytest.raises(WrongKeyEncryptionKeyError):
        await load_root_key(pool, KeyEncryptionKeys("auth", OLD))
    async with pool.acquire() as connection:
        assert await read_root_key(connection, KeyEncryptionKeys("auth", NEW)) == root_key


async def test_by_the_commands(auth_database: str, pool: PostgresPool) -> None:
    listed = command("services.auth.rotate_keys", auth_database, "list", KEY=OLD)
    assert listed.returncode == 0, listed.stderr
    root_key = await load_root_key(pool, KeyEncryptionKeys("auth", OLD))
    refused = command("services.auth.reseal_root_key", auth_database, KEY=NEW)
    assert (refused.returncode, "nothing was changed" in refused.stderr) == (1, True)
    changed = command("services.auth.reseal_root_key", auth_database, KEY=NEW, KEY_OLD=OLD)
    assert changed.returncode == 0, changed.stderr
    assert "no longer needed" in changed.stdout
    assert await load_root_key(pool, KeyEncryptionKeys("auth", NEW)) == root_key
    assert command("services.auth.rotate_keys", auth_database, "list", KEY=NEW).stdout == listed.stdout
    wrong = command("services.auth.reseal_root_key", auth_database, KEY=NEW, KEY_OLD=b"short")
    assert wrong.returncode == 2
    assert "AUTH_KEY_ENCRYPTION_KEY_OLD" in wrong.stderr
    for key in (OLD, NEW):
        assert text(key) not in changed.stdout + changed.stderr + refused.stderr + wrong.stderr


@pytest.mark.parametrize("module", ["services.auth", "services.auth.workers.relay"])
async def test_a_process_with_another_key_ends_and_says_why(
    auth_database: str, pool: PostgresPool, redis_url: str, module: str
) -> None:
    await load_root_key(pool, KeyEncryptionKeys("auth", OLD))
    ended = command(module, auth_database, env=ENV | {"REDIS_URL": redis_url}, KEY=NEW)
    assert ended.returncode == 2, ended.stderr
    assert "AUTH_KEY_ENCRYPTION_KEY is not the key" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


async def test_a_file_of_breached_passwords_that_is_none_ends_the_start(
    auth_database: str, pool: PostgresPool, tmp_path: Path
) -> None:
    await load_root_key(pool, KeyEncryptionKeys("auth", OLD))
    path = tmp_path / "breached.txt"
    path.write_text("no hash\n")
    ended = command("services.auth", auth_database, env=ENV | {"AUTH_BREACHED_PASSWORDS_FILE": str(path)}, KEY=OLD)
    assert ended.returncode == 2, ended.stderr
    assert "AUTH_BREACHED_PASSWORDS_FILE has no SHA-1" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
