"""Settings of the payments service, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.chassis.config import Env, Secret


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """What every process of the service knows."""

    database_url: str
    metrics_port: int
    json_logs: bool
    log_level: str


@dataclass(frozen=True, slots=True)
class PaymentsSettings:
    """The service itself. Limits in piastres; times in seconds."""

    process: ProcessSettings
    listen: str
    auth_address: str
    service_key: Secret
    page_key: Secret
    provider: str
    provider_timeout_s: float
    day_limit: int
    month_limit: int
    pool_max: int
    resolve_every_s: float
    fold_every_s: float


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """The relay of the event log; `health_listen` is empty where nobody asks for its health."""

    process: ProcessSettings
    redis_url: str
    health_listen: str


def payments_settings(environment: Mapping[str, str]) -> PaymentsSettings:
    """The service's settings; SettingsError names each one missing or wrong."""
    env = Env(environment)
    process = _process(env)
    environment_name = env.text("DAIRA_ENV", "production")
    # Where real money could be meant, no sandbox starts by itself.
    default_provider = "sandbox" if environment_name in {"dev", "test"} else "closed"
    settings = PaymentsSettings(
        process=process,
        listen=env.text("PAYMENTS_LISTEN"),
        auth_address=env.text("AUTH_ADDRESS"),
        service_key=env.secret("SERVICE_TOKEN_KEY"),
        page_key=env.secret("PAGE_TOKEN_KEY"),
        provider=env.choice("PAYMENTS_PROVIDER", ("sandbox", "closed"), default_provider),
        provider_timeout_s=env.seconds("PAYMENTS_PROVIDER_TIMEOUT_S", 1.5, 0.05, 60.0),
        # Limits of the Central Bank of Egypt for individuals' wallets, 2023: EGP 60,000 a day and 200,000 a month.
        day_limit=env.integer("PAYMENTS_TOP_UP_DAY_LIMIT", 6_000_000, 1, 10**12),
        month_limit=env.integer("PAYMENTS_TOP_UP_MONTH_LIMIT", 20_000_000, 1, 10**12),
        pool_max=env.integer("PAYMENTS_POOL_MAX", 10, 2, 200),
        resolve_every_s=env.seconds("PAYMENTS_RESOLVE_EVERY_S", 0.5, 0.01, 60.0),
        fold_every_s=env.seconds("PAYMENTS_FOLD_EVERY_S", 5.0, 0.01, 3600.0),
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
    )
    env.finish()
    return settings


def database_url(environment: Mapping[str, str]) -> str:
    """Where the database is, for the commands that need no more; SettingsError when it is missing or wrong."""
    env = Env(environment)
    url = env.url("PAYMENTS_DATABASE_URL", ("postgresql", "postgres"))
    env.finish()
    return url


def _process(env: Env) -> ProcessSettings:
    return ProcessSettings(
        database_url=env.url("PAYMENTS_DATABASE_URL", ("postgresql", "postgres")),
        metrics_port=env.integer("PAYMENTS_METRICS_PORT", 0, 0, 65535),
        json_logs=env.choice("LOG_FORMAT", ("json", "console"), "json") == "json",
        log_level=env.text("LOG_LEVEL", "INFO").upper(),
    )
