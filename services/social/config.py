"""Settings of the social service and its workers, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.chassis.config import Env, Secret
from services.chassis.service_identity import ServiceIdentity


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What every process of the service knows. `health_listen` is empty where nobody asks a worker for its health."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    fan_in_threshold: int
    health_listen: str
    metrics_port: int
    json_logs: bool
    log_level: str


@dataclass(frozen=True, slots=True)
class SocialSettings:
    """The service itself."""

    worker: WorkerSettings
    listen: str
    auth_address: str
    payments_address: str
    identity: ServiceIdentity
    page_key: Secret
    pool_max: int
    follow_limit: int
    report_limit: int
    freshness_half_life_s: float
    max_hot_posts: int
    post_cache_bytes: int
    watchers_max: int


def social_settings(environment: Mapping[str, str]) -> SocialSettings:
    """The service's settings; SettingsError names each one missing or wrong."""
    env = Env(environment)
    settings = SocialSettings(
        worker=_worker(env),
        listen=env.text("SOCIAL_LISTEN"),
        auth_address=env.text("AUTH_ADDRESS"),
        payments_address=env.text("PAYMENTS_ADDRESS"),
        identity=ServiceIdentity.from_env(env, "social"),
        page_key=env.secret("PAGE_TOKEN_KEY"),
        pool_max=env.integer("SOCIAL_POOL_MAX", 16, 2, 200),
        follow_limit=env.integer("SOCIAL_FOLLOW_LIMIT", 5000, 1, 50_000),
        report_limit=env.integer("SOCIAL_REPORT_LIMIT", 50, 1, 10_000),
        freshness_half_life_s=env.seconds("SOCIAL_FRESHNESS_HALF_LIFE_S", 43_200.0, 60.0, 2_592_000.0),
        max_hot_posts=env.integer("SOCIAL_MAX_HOT_POSTS", 2_000_000, 1000, 100_000_000),
        post_cache_bytes=env.integer("SOCIAL_POST_CACHE_BYTES", 64 << 20, 1 << 20, 16 << 30),
        watchers_max=env.integer("SOCIAL_WATCHERS_MAX", 2_000, 0, 1_000_000),
    )
    env.finish()
    return settings


def worker_settings(environment: Mapping[str, str]) -> WorkerSettings:
    """A worker's settings; SettingsError names each one missing or wrong."""
    env = Env(environment)
    settings = _worker(env)
    env.finish()
    return settings


def database_url(environment: Mapping[str, str]) -> str:
    """Where the database is, for the migrations, which need no more."""
    env = Env(environment)
    url = env.url("SOCIAL_DATABASE_URL", ("postgresql", "postgres"))
    env.finish()
    return url


def _worker(env: Env) -> WorkerSettings:
    return WorkerSettings(
        database_url=env.url("SOCIAL_DATABASE_URL", ("postgresql", "postgres")),
        redis_url=env.url("REDIS_URL", ("redis", "rediss")),
        fan_in_threshold=env.integer("SOCIAL_FAN_IN_THRESHOLD", 10_000, 10, 10_000_000),
        health_listen=env.text("HEALTH_LISTEN", ""),
        metrics_port=env.integer("SOCIAL_METRICS_PORT", 0, 0, 65535),
        json_logs=env.choice("LOG_FORMAT", ("json", "console"), "json") == "json",
        log_level=env.text("LOG_LEVEL", "INFO").upper(),
    )
