"""Settings: defaults that are safe, and every mistake told at once."""

from __future__ import annotations

import pytest

from gateway import config
from services.chassis.config import SettingsError


def test_production_shows_neither_schema_nor_page() -> None:
    settings = config.read({})
    assert not settings.introspection
    assert not settings.graphiql
    assert (settings.host, settings.port, settings.json_logs) == ("127.0.0.1", 8080, True)
    assert set(settings.addresses) == {"auth", "payments", "social", "analytics"}


def test_development_shows_both_unless_told() -> None:
    settings = config.read({"DAIRA_ENV": "dev", "GATEWAY_GRAPHIQL": "off", "GATEWAY_LISTEN": "[::]:0"})
    assert settings.introspection
    assert not settings.graphiql
    assert (settings.host, settings.port) == ("::", 0)


@pytest.mark.parametrize(
    "listen", ["8080", ":8080", "host", "host:", "host:x", "host:70000", "host:-1", "host:٨٠", "h:" + "9" * 5000]
)
def test_bad_addresses(listen: str) -> None:
    with pytest.raises(SettingsError):
        config.read({"GATEWAY_LISTEN": listen})


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        config.read(
            {"GATEWAY_LISTEN": "x", "GATEWAY_INTROSPECTION": "maybe", "LOG_FORMAT": "xml", "DRAIN_WAIT_S": "-1"}
        )
    text = str(caught.value)
    for name in ("GATEWAY_LISTEN", "GATEWAY_INTROSPECTION", "LOG_FORMAT", "DRAIN_WAIT_S"):
        assert name in text
