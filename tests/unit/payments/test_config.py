"""Settings: all mistakes at once, no sandbox where money is real."""

from __future__ import annotations

import pytest

from services.chassis.config import SettingsError
from services.payments.config import payments_settings, relay_settings

GOOD = {
    "PAYMENTS_DATABASE_URL": "postgresql://u:p@h:5432/d",
    "PAYMENTS_LISTEN": "127.0.0.1:1",
    "AUTH_ADDRESS": "127.0.0.1:2",
    "SERVICE_TOKEN_KEY": "s" * 32,
    "PAGE_TOKEN_KEY": "p" * 32,
}


@pytest.mark.parametrize(
    ("extra", "provider"),
    [
        ({}, "closed"),
        ({"DAIRA_ENV": "production"}, "closed"),
        ({"DAIRA_ENV": "dev"}, "sandbox"),
        ({"DAIRA_ENV": "production", "PAYMENTS_PROVIDER": "sandbox"}, "sandbox"),
    ],
)
def test_no_sandbox_starts_by_itself_in_production(extra: dict[str, str], provider: str) -> None:
    assert payments_settings(GOOD | extra).provider == provider


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        payments_settings({"PAYMENTS_PROVIDER": "bank", "PAGE_TOKEN_KEY": "short"})
    named = "\n".join(caught.value.problems)
    for name in (*GOOD, "PAYMENTS_PROVIDER"):
        assert name in named
    with pytest.raises(SettingsError):
        relay_settings(GOOD)
