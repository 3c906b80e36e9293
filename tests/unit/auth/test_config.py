"""Settings are read once, and every wrong one is named without its value."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from services.auth.config import AuthSettings, RelaySettings, database_url
from services.chassis.config import Env, SettingsError
from tests.fakes.service_keys import identity_settings

ROOT = Path(__file__).resolve().parents[3]
GOOD = {
    "AUTH_LISTEN": "127.0.0.1:0",
    "AUTH_DATABASE_URL": "postgresql://auth:hunter2@localhost/auth",
    "AUTH_KEY_ENCRYPTION_KEY": base64.urlsafe_b64encode(bytes(range(32))).decode(),
    **identity_settings("auth"),
}


def test_the_defaults_are_the_documented_ones() -> None:
    env = Env(GOOD)
    settings = AuthSettings.from_env(env)
    env.finish()
    assert (settings.hashing_memory_kib, settings.hashing_time_cost, settings.hashing_parallelism) == (19_456, 2, 1)
    assert settings.access_life_s == 600
    assert "hunter2" not in repr(settings)


def test_all_wrong_settings_are_named_at_once() -> None:
    env = Env(
        {"AUTH_DATABASE_URL": "mysql://root:hunter2@x/y", "AUTH_ACCESS_LIFE_S": "901", "AUTH_HASHING_QUEUE": "-1"}
    )
    AuthSettings.from_env(env)
    with pytest.raises(SettingsError) as caught:
        env.finish()
    named = {problem.split()[0] for problem in caught.value.problems}
    assert named == {
        "AUTH_LISTEN", "AUTH_DATABASE_URL", "AUTH_KEY_ENCRYPTION_KEY", "SERVICE_SIGNING_KEY",
        "SERVICE_TRUST_BUNDLE", "AUTH_ACCESS_LIFE_S",
        "AUTH_HASHING_QUEUE",
    }  # fmt: skip
    assert "hunter2" not in str(caught.value)


def test_the_relay_needs_its_stores_its_keys_and_where_the_others_are() -> None:
    names = ("AUTH_DATABASE_URL", "AUTH_KEY_ENCRYPTION_KEY", "SERVICE_SIGNING_KEY", "SERVICE_TRUST_BUNDLE")
    peers = {"SOCIAL_ADDRESS": "social:1", "PAYMENTS_ADDRESS": "payments:2", "ANALYTICS_ADDRESS": "analytics:3"}
    settings = {name: GOOD[name] for name in names} | {"REDIS_URL": "redis://localhost:6379"} | peers
    env = Env(settings)
    assert RelaySettings.from_env(env).peers == {
        "social": "social:1",
        "payments": "payments:2",
        "analytics": "analytics:3",
    }
    env.finish()
    for name in peers:
        env = Env({key: value for key, value in settings.items() if key != name})
        RelaySettings.from_env(env)
        with pytest.raises(SettingsError, match=name):
            env.finish()


def test_migrating_needs_only_the_database() -> None:
    assert database_url(GOOD) == GOOD["AUTH_DATABASE_URL"]
    with pytest.raises(SettingsError, match="AUTH_DATABASE_URL"):
        database_url({})


@pytest.mark.parametrize("key", ["z" * 40, "!" * 44])
def test_a_wrong_key_encryption_key_is_one_clear_line(key: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "services.auth"],
        cwd=ROOT,
        env=GOOD | {"AUTH_KEY_ENCRYPTION_KEY": key},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 2
    assert "AUTH_KEY_ENCRYPTION_KEY is wrong: expected 32 bytes in base64url" in result.stderr
    assert key not in result.stderr
    assert "Traceback" not in result.stderr
