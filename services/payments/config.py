"""Settings of the payments service, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Final

from services.chassis.config import Env, Secret, SettingsError
from services.chassis.http_server import HttpListen, read_address
from services.chassis.service_identity import ServiceIdentity
from services.payments.provider_settings import (
    CallbackSecrets,
    ProviderSettings,
    callback_secrets,
    provider_settings,
)
from services.sealing.key_encryption import KeyEncryptionSecrets

_RETRIES_MAX: Final = 5
_LAST_DAY: Final = 20
_USUAL: Final[tuple[int, ...]] = (1, 3, 5)


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """What every process of the service knows."""

    database_url: str
    metrics_port: int
    json_logs: bool
    log_level: str


@dataclass(frozen=True, slots=True)
class BillingSettings:
    """How renewals that failed are tried again, in days since they were due, and how long access lasts after that."""

    retry_days: tuple[int, ...]
    grace_days: int


@dataclass(frozen=True, slots=True)
class PaymentsSettings:
    """The service itself. Times in seconds."""

    process: ProcessSettings
    listen: str
    auth_address: str
    identity: ServiceIdentity
    page_key: Secret
    key_encryption: KeyEncryptionSecrets
    provider: str
    provider_timeout_s: float
    pool_max: int
    resolve_every_s: float
    fold_every_s: float
    destination_wait_s: float
    payout_batch_at: time
    trial_balance_at: time
    settlement_reports: str
    saga_lease_s: float
    billing: BillingSettings


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """The relay, which also reads the logs of auth and social; `health_listen` is empty where nobody asks."""

    process: ProcessSettings
    redis_url: str
    health_listen: str
    auth_address: str
    social_address: str
    identity: ServiceIdentity


def payments_settings(environment: Mapping[str, str]) -> PaymentsSettings:
    """The service's settings; SettingsError names each one missing or wrong."""
    env = Env(environment)
    process = _process(env)
    environment_name = env.text("DAIRA_ENV", "production")
    settings = PaymentsSettings(
        process=process,
        listen=env.text("PAYMENTS_LISTEN"),
        auth_address=env.text("AUTH_ADDRESS"),
        identity=ServiceIdentity.from_env(env, "payments"),
        page_key=env.secret("PAGE_TOKEN_KEY"),
        key_encryption=key_encryption_secrets(env),
        provider=_provider(env),
        provider_timeout_s=env.seconds("PAYMENTS_PROVIDER_TIMEOUT_S", 1.5, 0.05, 60.0),
        pool_max=env.integer("PAYMENTS_POOL_MAX", 10, 2, 200),
        resolve_every_s=env.seconds("PAYMENTS_RESOLVE_EVERY_S", 0.5, 0.01, 60.0),
        fold_every_s=env.seconds("PAYMENTS_FOLD_EVERY_S", 5.0, 0.01, 3600.0),
        # Time for the owner to hear of a destination that somebody else added.
        destination_wait_s=env.seconds(
            "PAYMENTS_DESTINATION_WAIT_S", 0.0 if environment_name in {"dev", "test"} else 86_400.0, 0.0, 2_592_000.0
        ),
        payout_batch_at=_payout_batch_at(env),
        trial_balance_at=_trial_balance_at(env),
        settlement_reports=env.text("PAYMENTS_SETTLEMENT_REPORTS", ""),
        saga_lease_s=_saga_lease_s(env),
        billing=_billing(env),
    )
    env.finish()
    return settings


def relay_settings(environment: Mapping[str, str]) -> RelaySettings:
    """The relay's settings; SettingsError names each one missing or wrong."""
    env = Env(environment)
    settings = RelaySettings(
        process=_process(env),
        redis_url=env.url("REDIS_URL", ("redis", "rediss")),
        health_listen=env.text("HEALTH_LISTEN", ""),
        auth_address=env.text("AUTH_ADDRESS"),
        social_address=env.text("SOCIAL_ADDRESS"),
        identity=ServiceIdentity.from_env(env, "payments"),
    )
    env.finish()
    return settings


def key_encryption_secrets(env: Env) -> KeyEncryptionSecrets:
    """The key that seals the root key, and the one before while it is changed; problems are left in `env`."""
    return KeyEncryptionSecrets(
        "payments", env.secret("PAYMENTS_KEY_ENCRYPTION_KEY"), env.optional_secret("PAYMENTS_KEY_ENCRYPTION_KEY_OLD")
    )


def settlement_reports(environment: Mapping[str, str]) -> str:
    """Where providers' reports are, "" for nowhere; SettingsError when it is wrong."""
    env = Env(environment)
    folder = env.text("PAYMENTS_SETTLEMENT_REPORTS", "")
    env.finish()
    return folder


def database_url(environment: Mapping[str, str]) -> str:
    """Where the database is, for the commands that need no more; SettingsError when it is missing or wrong."""
    env = Env(environment)
    url = env.url("PAYMENTS_DATABASE_URL", ("postgresql", "postgres"))
    env.finish()
    return url


@dataclass(frozen=True, slots=True)
class SagaSettings:
    """The runner of sagas. Times in seconds; `health_listen` is empty where nobody asks."""

    process: ProcessSettings
    health_listen: str
    key_encryption: KeyEncryptionSecrets
    provider: str
    providers: ProviderSettings | None
    provider_timeout_s: float
    payout_batch_at: time
    lease_s: float
    poll_s: float
    at_once: int
    billing: BillingSettings


def saga_settings(environment: Mapping[str, str]) -> SagaSettings:
    """The runner's settings; SettingsError names each one missing or wrong."""
    env = Env(environment)
    timeout_s = env.seconds("PAYMENTS_PAYOUT_TIMEOUT_S", 6.0, 0.05, 60.0)
    # Nobody is asked before somebody says so.
    is_open = env.choice("PAYMENTS_RAILS", ("open", "closed"), "closed") == "open"
    settings = SagaSettings(
        process=_process(env),
        health_listen=env.text("HEALTH_LISTEN", ""),
        key_encryption=key_encryption_secrets(env),
        provider=_provider(env),
        providers=provider_settings(env, timeout_s) if is_open else None,
        provider_timeout_s=timeout_s,
        payout_batch_at=_payout_batch_at(env),
        lease_s=_saga_lease_s(env),
        poll_s=env.seconds("PAYMENTS_SAGA_POLL_S", 0.5, 0.01, 60.0),
        at_once=env.integer("PAYMENTS_SAGAS_AT_ONCE", 16, 1, 256),
        billing=_billing(env),
    )
    env.finish()
    if settings.lease_s <= settings.provider_timeout_s:
        raise SettingsError(["PAYMENTS_SAGA_LEASE_S is wrong: expected more than PAYMENTS_PAYOUT_TIMEOUT_S"])
    return settings


@dataclass(frozen=True, slots=True)
class CallbackSettings:
    """The door for callbacks. Times in seconds."""

    process: ProcessSettings
    listen: HttpListen
    secrets: CallbackSecrets
    poll_s: float


def callback_settings(environment: Mapping[str, str]) -> CallbackSettings:
    """The door's settings; SettingsError names each one missing or wrong."""
    env = Env(environment)
    host, port = env.parsed("PAYMENTS_CALLBACKS_LISTEN", "host:port", read_address, ("", 0))
    settings = CallbackSettings(
        process=_process(env),
        listen=HttpListen(
            host,
            port,
            drain_wait_s=env.seconds("DRAIN_WAIT_S", 5.0, 0.0, 60.0),
            drain_grace_s=env.seconds("DRAIN_GRACE_S", 15.0, 0.0, 300.0),
        ),
        secrets=callback_secrets(env),
        poll_s=env.seconds("PAYMENTS_CALLBACK_POLL_S", 0.2, 0.01, 60.0),
    )
    env.finish()
    return settings


def _provider(env: Env) -> str:
    # Where real money could be meant, no sandbox starts by itself.
    default = "sandbox" if env.text("DAIRA_ENV", "production") in {"dev", "test"} else "closed"
    return env.choice("PAYMENTS_PROVIDER", ("sandbox", "rails", "closed"), default)


def _payout_batch_at(env: Env) -> time:
    morning = time(10, 0)
    return env.parsed(
        "PAYMENTS_PAYOUT_BATCH_AT", "a time of day in Cairo such as 10:00", time.fromisoformat, morning, morning
    )


def _trial_balance_at(env: Env) -> time:
    night = time(3, 0)
    return env.parsed(
        "PAYMENTS_TRIAL_BALANCE_AT", "a time of day in Cairo such as 03:00", time.fromisoformat, night, night
    )


def _billing(env: Env) -> BillingSettings:
    retries = env.parsed(
        "PAYMENTS_RENEWAL_RETRY_DAYS", "1 to 5 rising days up to 20, such as 1,3,5", _days, _USUAL, _USUAL
    )
    # With the last try at most 20 days after the first, dunning never outlasts a period.
    return BillingSettings(retries, env.integer("PAYMENTS_RENEWAL_GRACE_DAYS", 3, 1, 7))


def _days(text: str) -> tuple[int, ...]:
    days = tuple(int(part) for part in text.split(","))
    if (
        not 1 <= len(days) <= _RETRIES_MAX
        or list(days) != sorted(set(days))
        or not 1 <= days[0] <= days[-1] <= _LAST_DAY
    ):
        raise ValueError("not rising")
    return days


def _saga_lease_s(env: Env) -> float:
    # Longer than a provider is waited for, and short enough that another runner takes over within 15 s.
    return env.seconds("PAYMENTS_SAGA_LEASE_S", 10.0, 0.1, 300.0)


def _process(env: Env) -> ProcessSettings:
    return ProcessSettings(
        database_url=env.url("PAYMENTS_DATABASE_URL", ("postgresql", "postgres")),
        metrics_port=env.integer("PAYMENTS_METRICS_PORT", 0, 0, 65535),
        json_logs=env.choice("LOG_FORMAT", ("json", "console"), "json") == "json",
        log_level=env.text("LOG_LEVEL", "INFO").upper(),
    )
