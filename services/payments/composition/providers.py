"""The providers that the settings name, and readers of what they say by themselves."""

from __future__ import annotations

from collections.abc import Mapping

from services.chassis.clock import Clock
from services.chassis.postgres import PostgresPool
from services.payments.adapters.providers.callbacks import (
    CallbackReader,
    FawryNotices,
    PaymobDisbursements,
    PaymobTransactions,
)
from services.payments.adapters.providers.fawry import FawryVouchers
from services.payments.adapters.providers.http_provider import HttpProvider
from services.payments.adapters.providers.paymob import PaymobCharges
from services.payments.adapters.providers.paymob_payouts import PaymobPayouts
from services.payments.adapters.providers.routing import RoutedProviders
from services.payments.adapters.sandbox_provider import SandboxProvider
from services.payments.application.instrument_ports import Instruments
from services.payments.application.saga_ports import Providers
from services.payments.config import SagaSettings
from services.payments.domain.providers import Rail
from services.payments.provider_settings import CallbackSecrets, ProviderSettings


def make_providers(settings: SagaSettings, pool: PostgresPool, instruments: Instruments, clock: Clock) -> Providers:
    """Providers for the runner of sagas: real rails where they are open, and the sandbox that is in the database."""
    incoming: dict[Rail, Providers] = {Rail.SANDBOX: SandboxProvider(pool)} if settings.provider == "sandbox" else {}
    if settings.providers is None:
        return RoutedProviders(incoming, {})
    real_incoming, outgoing = _real(settings.providers, instruments, clock)
    return RoutedProviders(incoming | real_incoming, outgoing)


def providers_in_process(provider: str, pool: PostgresPool) -> Providers:
    """Those that need no call to another process, so that whoever asks for a top-up has its answer at once."""
    return RoutedProviders({Rail.SANDBOX: SandboxProvider(pool)} if provider == "sandbox" else {}, {})


def _real(
    settings: ProviderSettings, instruments: Instruments, clock: Clock
) -> tuple[dict[Rail, Providers], dict[Rail, Providers]]:
    timeout_s, at_once = settings.timeout_s, settings.at_once
    accept = HttpProvider(
        "paymob", settings.paymob_url, clock, timeout_s=timeout_s, at_once=at_once,
        headers={"authorization": f"Token {settings.paymob_key.reveal().decode()}"},
    )  # fmt: skip
    payouts = HttpProvider(
        "paymob_payouts", settings.paymob_payouts_url, clock, timeout_s=timeout_s, at_once=at_once,
        headers={"authorization": f"Bearer {settings.paymob_payouts_key.reveal().decode()}"},
    )  # fmt: skip
    fawry = HttpProvider("fawry", settings.fawry_url, clock, timeout_s=timeout_s, at_once=at_once)
    charges = PaymobCharges(accept, instruments, settings.paymob_page_url)
    cashin = PaymobPayouts(payouts, instruments)
    vouchers = FawryVouchers(fawry, settings.fawry_merchant, settings.fawry_key, clock)
    incoming: dict[Rail, Providers] = {Rail.CARD: charges, Rail.MOBILE: charges, Rail.VOUCHER: vouchers}
    return incoming, {Rail.MOBILE: cashin, Rail.BANK: cashin}


def callback_readers(secrets: CallbackSecrets) -> Mapping[str, CallbackReader]:
    """A reader for each provider, by the last part of the address that it calls."""
    return {
        "paymob": PaymobTransactions(secrets.paymob_hmac),
        "paymob_payouts": PaymobDisbursements(secrets.paymob_payouts_hmac),
        "fawry": FawryNotices(secrets.fawry_key),
    }
