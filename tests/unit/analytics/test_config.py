"""Settings are read once, and every wrong one is named without its value."""

from __future__ import annotations

import pytest

from services.analytics.config import SOURCES, AnalyticsSettings
from services.chassis.config import Env, SettingsError
from tests.fakes.service_keys import identity_settings

GOOD = {
    "ANALYTICS_LISTEN": "127.0.0.1:0",
    "CLICKHOUSE_URL": "chdb:///var/lib/daira",
    "REDIS_URL": "redis://localhost:6379",
    **identity_settings("analytics"),
    **{f"{service.upper()}_ADDRESS": "localhost:1" for service in SOURCES},
}


@pytest.mark.parametrize("url", ["chdb:///var/lib/daira", "clickhouse://default@localhost:9000/daira"])
def test_both_kinds_of_store_are_taken(url: str) -> None:
    env = Env(GOOD | {"CLICKHOUSE_URL": url})
    settings = AnalyticsSettings.from_env(env)
    env.finish()
    assert settings.clickhouse_url == url
    assert list(settings.owners) == list(SOURCES)


def test_all_wrong_settings_are_named_at_once() -> None:
    env = Env({"CLICKHOUSE_URL": "mysql://root:hunter2@x/y"})
    AnalyticsSettings.from_env(env)
    with pytest.raises(SettingsError) as caught:
        env.finish()
    assert {problem.split()[0] for problem in caught.value.problems} == set(GOOD)
    assert "hunter2" not in str(caught.value)
