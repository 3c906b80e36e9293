"""Settings of the gateway, read once from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.chassis.config import Env, SettingsError

_PORT_MAX: Final = 65535
_PORT_DIGITS: Final = 5
_PROXIES_MAX: Final = 8
_DEV_ADDRESSES: Final = {"auth": 50051, "payments": 50052, "social": 50053, "analytics": 50054}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the gateway is told. Times in seconds."""

    host: str
    port: int
    addresses: Mapping[str, str]
    introspection: bool
    graphiql: bool
    timeout_s: float
    in_flight_max: int
    streams_max: int
    dpop_url: str
    trusted_proxies: int
    metrics_port: int
    drain_wait_s: float
    drain_grace_s: float
    json_logs: bool
    log_level: str


def read(environment: Mapping[str, str]) -> Settings:
    """The settings; SettingsError names every problem at once."""
    env = Env(environment)
    # Where nobody said what this is, nothing is shown that production hides.
    production = env.text("DAIRA_ENV", "production") not in {"dev", "test"}
    listen = env.text("GATEWAY_LISTEN", "127.0.0.1:8080", max_chars=255)
    host, _, port = listen.rpartition(":")
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= _PORT_DIGITS else -1
    settings = Settings(
        host=host.strip("[]"),
        port=number,
        addresses={
            name: env.text(f"{name.upper()}_ADDRESS", f"127.0.0.1:{default}", max_chars=1024)
            for name, default in _DEV_ADDRESSES.items()
        },
        introspection=env.flag("GATEWAY_INTROSPECTION", default=not production),
        graphiql=env.flag("GATEWAY_GRAPHIQL", default=not production),
        timeout_s=env.seconds("GATEWAY_TIMEOUT_S", 5.0, 0.05, 60.0),
        streams_max=env.integer("GATEWAY_STREAMS_MAX", 2_000, 0, 1_000_000),
        dpop_url=env.text("DPOP_URL", "", max_chars=200),
        trusted_proxies=env.integer("GATEWAY_TRUSTED_PROXIES", 0, 0, _PROXIES_MAX),
        in_flight_max=env.integer("GATEWAY_IN_FLIGHT_MAX", 512, 1, 100_000),
        metrics_port=env.integer("GATEWAY_METRICS_PORT", 0, 0, _PORT_MAX),
        drain_wait_s=env.seconds("DRAIN_WAIT_S", 1.0, 0.0, 300.0),
        drain_grace_s=env.seconds("DRAIN_GRACE_S", 10.0, 0.0, 300.0),
        json_logs=env.choice("LOG_FORMAT", ("json", "console"), "json") == "json",
        log_level=env.choice("LOG_LEVEL", ("debug", "info", "warning", "error"), "info"),
    )
    problems: tuple[str, ...] = ()
    if not settings.host or not 0 <= number <= _PORT_MAX:
        problems = ("GATEWAY_LISTEN is wrong: expected host:port, such as 127.0.0.1:8080",)
    try:
        env.finish()
    except SettingsError as error:
        problems = (*error.problems, *problems)
    if problems:
        raise SettingsError(problems)
    return settings
