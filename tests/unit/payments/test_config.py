"""Settings: all mistakes at once, no sandbox where money is real."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.chassis.config import SettingsError
from services.payments.composition.machines import billing_rules
from services.payments.config import payments_settings, relay_settings
from tests.fakes.service_keys import identity_settings

GOOD = {
    "PAYMENTS_DATABASE_URL": "postgresql://u:p@h:5432/d",
    "PAYMENTS_LISTEN": "127.0.0.1:1",
    "AUTH_ADDRESS": "127.0.0.1:2",
    **identity_settings("payments"),
    "PAGE_TOKEN_KEY": "p" * 32,
    "PAYMENTS_KEY_ENCRYPTION_KEY": "k" * 43,
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


@pytest.mark.parametrize("days", ["", "0", "3,1", "1,1", "1,21", "1,2,3,4,5,6", "x", "1.5", "1,"])
def test_renewals_are_tried_again_on_days_that_rise(days: str) -> None:
    settings = GOOD | {"PAYMENTS_RENEWAL_RETRY_DAYS": days}
    if not days:
        assert payments_settings(settings).billing.retry_days == (1, 3, 5)
        return
    with pytest.raises(SettingsError, match="PAYMENTS_RENEWAL_RETRY_DAYS"):
        payments_settings(settings)


def test_the_longest_dunning_is_shorter_than_any_period() -> None:
    settings = GOOD | {"PAYMENTS_RENEWAL_RETRY_DAYS": "7,20", "PAYMENTS_RENEWAL_GRACE_DAYS": "7"}
    assert billing_rules(payments_settings(settings).billing).dunning == timedelta(days=27)
