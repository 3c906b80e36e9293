"""analytics' settings, read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from services.chassis.config import Env
from services.chassis.service_identity import ServiceIdentity

SOURCES: Final = ("auth", "payments", "social")
"""The services whose events are counted."""


@dataclass(frozen=True, slots=True)
class AnalyticsSettings:
    """Settings of the service. `owners` are the addresses of the services in SOURCES."""

    listen: str
    clickhouse_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    owners: dict[str, str]
    identity: ServiceIdentity
    metrics_port: int
    log_json: bool
    log_level: str

    @classmethod
    def from_env(cls, env: Env) -> AnalyticsSettings:
        """Read everything; problems are left in `env`."""
        levels = ("debug", "info", "warning", "error")
        return cls(
            listen=env.text("ANALYTICS_LISTEN"),
            clickhouse_url=env.url("CLICKHOUSE_URL", ("chdb", "clickhouse", "clickhouses")),
            redis_url=env.url("REDIS_URL", ("redis", "rediss")),
            owners={service: env.text(f"{service.upper()}_ADDRESS") for service in SOURCES},
            identity=ServiceIdentity.from_env(env, "analytics"),
            metrics_port=env.integer("ANALYTICS_METRICS_PORT", 0, 0, 65_535),
            log_json=env.choice("LOG_FORMAT", ("json", "console"), "json") == "json",
            log_level=env.choice("LOG_LEVEL", (*levels, *(level.upper() for level in levels)), "info"),
        )
