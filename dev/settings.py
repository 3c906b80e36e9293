"""Settings of the one-machine platform, parsed once from the environment; every bad one is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dev.errors import DevError

ROOT = Path(__file__).resolve().parents[1]
HIGHEST_PORT = 65535

# The port each thing listens on unless the environment names another.
DEFAULT_PORTS = {
    "GATEWAY_PORT": 8080,
    "AUTH_PORT": 50051,
    "PAYMENTS_PORT": 50052,
    "SOCIAL_PORT": 50053,
    "ANALYTICS_PORT": 50054,
    "SOCIAL_METRICS_PORT": 50063,
    "SANDBOX_PORT": 50071,
    "CALLBACKS_PORT": 50072,
    "POSTGRES_PORT": 55432,
    "REDIS_PORT": 56379,
}

# Settings that point at a server instead of an embedded store, with the URL schemes they may have.
STORE_URLS = {
    "AUTH_DATABASE_URL": ("postgresql", "postgres"),
    "PAYMENTS_DATABASE_URL": ("postgresql", "postgres"),
    "SOCIAL_DATABASE_URL": ("postgresql", "postgres"),
    "REDIS_URL": ("redis", "rediss"),
    "CLICKHOUSE_URL": ("chdb", "clickhouse", "clickhouses"),
}


@dataclass(frozen=True)
class DevSettings:
    """What the person asked for: data folder, ports named by hand, servers instead of wheels."""

    home: Path
    named_ports: Mapping[str, int]
    store_urls: Mapping[str, str]
    postgres_bin: Path | None
    redis_server: Path | None
    demo: bool
    log_everything: bool


def parse_settings(environment: Mapping[str, str]) -> DevSettings:
    """Read the settings; raises DevError that lists each wrong one with what was expected."""
    wrong: list[str] = []
    ports: dict[str, int] = {}
    for name in DEFAULT_PORTS:
        text = environment.get(name, "").strip()
        if not text:
            continue
        if text.isascii() and text.isdigit() and 0 < int(text) <= HIGHEST_PORT:
            ports[name] = int(text)
        else:
            wrong.append(f"{name}={text!r}: expected a port, 1 to {HIGHEST_PORT}")
    seen: dict[int, str] = {}
    for name, port in ports.items():
        if port in seen:
            wrong.append(f"{name}={port}: {seen[port]} names the same port")
        seen.setdefault(port, name)
    urls: dict[str, str] = {}
    for name, schemes in STORE_URLS.items():
        text = environment.get(name, "").strip()
        if not text:
            continue
        if _is_url(text, schemes):
            urls[name] = text
        else:
            # The value is not repeated: it may hold a password.
            wrong.append(f"{name}: expected a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    settings = DevSettings(
        home=Path(environment.get("DAIRA_HOME") or ROOT / ".daira").absolute(),
        named_ports=ports,
        store_urls=urls,
        postgres_bin=_existing(environment, "DAIRA_POSTGRES_BIN", wrong),
        redis_server=_existing(environment, "DAIRA_REDIS_SERVER", wrong),
        # A database on a server may be anybody's: it is filled only when that is asked for.
        demo=_flag(environment, "DAIRA_DEMO", wrong, default=not any(name.endswith("DATABASE_URL") for name in urls)),
        log_everything=_flag(environment, "DAIRA_LOG_EVERYTHING", wrong, default=False),
    )
    if wrong:
        raise DevError(
            "These settings are wrong:\n" + "\n".join(f"  - {line}" for line in wrong), "Correct or unset them."
        )
    return settings


def _is_url(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    has_place = bool(parts.hostname) or (parts.scheme == "chdb" and parts.path.startswith("/"))
    return parts.scheme in schemes and has_place and has_port


def _existing(environment: Mapping[str, str], name: str, wrong: list[str]) -> Path | None:
    text = environment.get(name, "").strip()
    if not text:
        return None
    path = Path(text).absolute()
    if not path.exists():
        wrong.append(f"{name}={text!r}: there is nothing at that path")
    return path


def _flag(environment: Mapping[str, str], name: str, wrong: list[str], *, default: bool) -> bool:
    text = environment.get(name, "").strip().lower()
    if not text:
        return default
    if text not in {"0", "1", "true", "false", "yes", "no"}:
        wrong.append(f"{name}={text!r}: expected 1 or 0")
    return text in {"1", "true", "yes"}
