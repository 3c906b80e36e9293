"""auth's settings, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.chassis.config import Env, Secret

_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How a process logs."""

    json: bool
    level: str

    @classmethod
    def from_env(cls, env: Env) -> LogSettings:
        """LOG_FORMAT and LOG_LEVEL."""
        return cls(
            json=env.choice("LOG_FORMAT", ("json", "console"), "json") == "json",
            level=env.choice("LOG_LEVEL", ("debug", "info", "warning", "error", "DEBUG", "INFO", "WARNING", "ERROR"),
                             "info"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Settings of the service. Names ending in _s are seconds."""

    listen: str
    database_url: str = field(repr=False)
    database_connections: int
    key_encryption_key: Secret
    service_token_key: Secret
    hashing_memory_kib: int
    hashing_time_cost: int
    hashing_parallelism: int
    hashing_threads: int
    hashing_queue: int
    sign_in_attempts: int
    sign_in_window_s: float
    access_life_s: float
    refresh_idle_s: float
    session_life_s: float
    metrics_port: int
    log: LogSettings

    @classmethod
    def from_env(cls, env: Env) -> AuthSettings:
        """Read everything; problems are left in `env`."""
        return cls(
            listen=env.text("AUTH_LISTEN"),
            database_url=env.url("AUTH_DATABASE_URL", ("postgresql", "postgres")),
            database_connections=env.integer("AUTH_DATABASE_CONNECTIONS", 10, 2, 100),
            key_encryption_key=env.secret("AUTH_KEY_ENCRYPTION_KEY"),
            service_token_key=env.secret("SERVICE_TOKEN_KEY"),
            # Lower bounds of Argon2id's cost: below them a stolen table is cheap to guess.
            hashing_memory_kib=env.integer("AUTH_HASHING_MEMORY_KIB", 19_456, 7_168, 1 << 21),
            hashing_time_cost=env.integer("AUTH_HASHING_TIME_COST", 2, 1, 16),
            hashing_parallelism=env.integer("AUTH_HASHING_PARALLELISM", 1, 1, 8),
            hashing_threads=env.integer("AUTH_HASHING_THREADS", 2, 1, 64),
            hashing_queue=env.integer("AUTH_HASHING_QUEUE", 32, 0, 10_000),
            sign_in_attempts=env.integer("AUTH_SIGN_IN_ATTEMPTS", 10, 1, 1_000),
            sign_in_window_s=env.seconds("AUTH_SIGN_IN_WINDOW_S", 900.0, 1.0, _DAY_S),
            access_life_s=env.seconds("AUTH_ACCESS_LIFE_S", 600.0, 1.0, 900.0),
            refresh_idle_s=env.seconds("AUTH_REFRESH_IDLE_S", 30 * _DAY_S, 60.0, 365 * _DAY_S),
            session_life_s=env.seconds("AUTH_SESSION_LIFE_S", 180 * _DAY_S, 60.0, 730 * _DAY_S),
            metrics_port=env.integer("AUTH_METRICS_PORT", 0, 0, 65_535),
            log=LogSettings.from_env(env),
        )


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Settings of the relay. `health_listen` is empty where nothing probes."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    health_listen: str
    metrics_port: int
    log: LogSettings

    @classmethod
    def from_env(cls, env: Env) -> RelaySettings:
        """Read everything; problems are left in `env`."""
        return cls(
            database_url=env.url("AUTH_DATABASE_URL", ("postgresql", "postgres")),
            redis_url=env.url("REDIS_URL", ("redis", "rediss")),
            health_listen=env.text("HEALTH_LISTEN", ""),
            metrics_port=env.integer("AUTH_METRICS_PORT", 0, 0, 65_535),
            log=LogSettings.from_env(env),
        )


def database_url(environment: Mapping[str, str]) -> str:
    """AUTH_DATABASE_URL alone, which is all that migrating needs; SettingsError without it."""
    env = Env(environment)
    url = env.url("AUTH_DATABASE_URL", ("postgresql", "postgres"))
    env.finish()
    return url
