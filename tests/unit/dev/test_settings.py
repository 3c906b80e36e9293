"""Settings of the one-machine platform: defaults, overrides, and every mistake named at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.errors import DevError
from dev.settings import ROOT, parse_settings


def test_without_settings_everything_is_embedded() -> None:
    settings = parse_settings({})
    assert settings.home == ROOT / ".daira"
    assert not settings.named_ports
    assert not settings.store_urls
    assert settings.demo


def test_what_is_named_is_taken(tmp_path: Path) -> None:
    settings = parse_settings(
        {
            "DAIRA_HOME": str(tmp_path),
            "GATEWAY_PORT": "9000",
            "REDIS_URL": "redis://cache:6379/1",
            "SOCIAL_DATABASE_URL": "postgresql://u:p@db/social",
            "DAIRA_POSTGRES_BIN": str(tmp_path),
        }
    )
    assert settings.home == tmp_path
    assert settings.named_ports == {"GATEWAY_PORT": 9000}
    assert settings.store_urls["REDIS_URL"] == "redis://cache:6379/1"
    assert settings.postgres_bin == tmp_path


def test_a_named_database_is_not_filled_with_a_demo_unasked() -> None:
    named = {"SOCIAL_DATABASE_URL": "postgresql://u:p@db/social"}
    assert not parse_settings(named).demo
    assert parse_settings(named | {"DAIRA_DEMO": "1"}).demo


def test_every_mistake_is_named_and_no_password_repeated() -> None:
    with pytest.raises(DevError) as told:
        parse_settings(
            {
                "GATEWAY_PORT": "80800",
                "AUTH_PORT": "fifty",
                "SOCIAL_PORT": "5001",
                "PAYMENTS_PORT": "5001",
                "REDIS_URL": "http://user:hunter2@cache",
                "AUTH_DATABASE_URL": "postgresql://u:hunter2@db:port/x",
                "DAIRA_DEMO": "perhaps",
                "DAIRA_REDIS_SERVER": "/no/such/program",
            }
        )
    message = str(told.value)
    for name in ("GATEWAY_PORT", "AUTH_PORT", "SOCIAL_PORT", "REDIS_URL", "AUTH_DATABASE_URL", "DAIRA_DEMO"):
        assert name in message
    assert "/no/such/program" in message
    assert "hunter2" not in message
