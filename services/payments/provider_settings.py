"""Settings of payment providers: addresses, keys, and the secrets that callbacks are signed with."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.config import Env, Secret

_SECRET_BYTES = 16


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What is needed to ask them. `timeout_s` bounds one call, `at_once` the calls of one provider at a time."""

    paymob_url: str
    paymob_page_url: str
    paymob_key: Secret
    paymob_payouts_url: str
    paymob_payouts_key: Secret
    fawry_url: str
    fawry_merchant: str
    fawry_key: Secret
    timeout_s: float
    at_once: int


@dataclass(frozen=True, slots=True)
class CallbackSecrets:
    """What is needed to tell their callbacks from anybody's."""

    paymob_hmac: Secret
    paymob_payouts_hmac: Secret
    fawry_key: Secret


def provider_settings(env: Env, timeout_s: float) -> ProviderSettings:
    """Read them; problems are left in `env`."""
    schemes = ("https", "http")
    return ProviderSettings(
        paymob_url=env.url("PAYMOB_URL", schemes),
        paymob_page_url=env.url("PAYMOB_PAGE_URL", schemes),
        paymob_key=env.secret("PAYMOB_SECRET_KEY", min_bytes=_SECRET_BYTES),
        paymob_payouts_url=env.url("PAYMOB_PAYOUTS_URL", schemes),
        paymob_payouts_key=env.secret("PAYMOB_PAYOUTS_KEY", min_bytes=_SECRET_BYTES),
        fawry_url=env.url("FAWRY_URL", schemes),
        fawry_merchant=env.text("FAWRY_MERCHANT"),
        fawry_key=env.secret("FAWRY_SECURITY_KEY", min_bytes=_SECRET_BYTES),
        # The call ends before the runner stops waiting for it.
        timeout_s=timeout_s * 0.9,
        at_once=env.integer("PAYMENTS_PROVIDER_CALLS", 16, 1, 1000),
    )


def callback_secrets(env: Env) -> CallbackSecrets:
    """Read them; problems are left in `env`."""
    return CallbackSecrets(
        paymob_hmac=env.secret("PAYMOB_HMAC_SECRET", min_bytes=_SECRET_BYTES),
        paymob_payouts_hmac=env.secret("PAYMOB_PAYOUTS_HMAC_SECRET", min_bytes=_SECRET_BYTES),
        fawry_key=env.secret("FAWRY_SECURITY_KEY", min_bytes=_SECRET_BYTES),
    )
