"""Where everything of one run is: addresses, store URLs and keys, as settings of the processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dev.home import SERVICES
from dev.ports import LOOPBACK
from dev.service_keys import trust_bundle
from dev.settings import STORE_URLS, DevSettings
from dev.stores.postgres_admin import url_of_database

DATABASES = ("auth", "payments", "social")


@dataclass(frozen=True)
class Endpoints:
    """Ports and store URLs by setting name; the keys of the services, those they sign with by the service's name."""

    ports: Mapping[str, int]
    store_urls: Mapping[str, str]
    signing_keys: Mapping[str, str]
    page_token_key: str
    auth_key_encryption_key: str
    payments_key_encryption_key: str
    provider_key: str
    sandbox_book: Path

    def address(self, service: str) -> str:
        """host:port of a service's gRPC server."""
        return f"{LOOPBACK}:{self.ports[f'{service.upper()}_PORT']}"

    def http_url(self, name: str) -> str:
        """The base URL of an HTTP server by the name of its port, such as SANDBOX, without a slash at its end."""
        return f"http://{LOOPBACK}:{self.ports[f'{name}_PORT']}"

    @property
    def gateway_url(self) -> str:
        """The base URL of the gateway, without a slash at its end."""
        return f"http://{LOOPBACK}:{self.ports['GATEWAY_PORT']}"

    @property
    def trust_bundle(self) -> str:
        """The public keys of all services, as SERVICE_TRUST_BUNDLE takes them."""
        return trust_bundle(self.signing_keys)

    def as_settings(self) -> dict[str, str]:
        """Everything, for `daira load` and `daira audit` in another process; holds passwords."""
        addresses = {f"{service.upper()}_ADDRESS": self.address(service) for service in (*DATABASES, "analytics")}
        return {
            **self.store_urls,
            **addresses,
            "GATEWAY_URL": self.gateway_url,
            "SANDBOX_URL": self.http_url("SANDBOX"),
            "SOCIAL_METRICS_URL": f"http://{LOOPBACK}:{self.ports['SOCIAL_METRICS_PORT']}/metrics",
            **{f"{service.upper()}_SIGNING_KEY": key for service, key in self.signing_keys.items()},
            "PAGE_TOKEN_KEY": self.page_token_key,
            "AUTH_KEY_ENCRYPTION_KEY": self.auth_key_encryption_key,
            "PAYMENTS_KEY_ENCRYPTION_KEY": self.payments_key_encryption_key,
        }


def needs_postgres(settings: DevSettings) -> bool:
    """Whether any service database is not on a server that the person named."""
    return any(_database_setting(service) not in settings.store_urls for service in DATABASES)


def needs_redis(settings: DevSettings) -> bool:
    """Whether Redis is not a server that the person named."""
    return "REDIS_URL" not in settings.store_urls


def gather(
    settings: DevSettings, ports: Mapping[str, int], secrets: Mapping[str, str], *, postgres_url: str, redis_url: str
) -> Endpoints:
    """The endpoints of a run: what the person named, and the embedded stores for the rest."""
    urls = dict(settings.store_urls)
    for service in DATABASES:
        role, password = role_of(service), secrets[f"{service}_password"]
        embedded = url_of_database(postgres_url, database_of(service), user=role, password=password)
        urls.setdefault(_database_setting(service), embedded)
    urls.setdefault("REDIS_URL", redis_url)
    urls.setdefault("CLICKHOUSE_URL", f"chdb://{clickhouse_folder(settings.home)}")
    return Endpoints(
        ports=ports,
        store_urls={name: urls[name] for name in STORE_URLS},
        signing_keys={service: secrets[f"{service}_signing_key"] for service in SERVICES},
        page_token_key=secrets["page_token_key"],
        auth_key_encryption_key=secrets["auth_key_encryption_key"],
        payments_key_encryption_key=secrets["payments_key_encryption_key"],
        provider_key=secrets["provider_key"],
        sandbox_book=settings.home / "sandbox-provider.sqlite",
    )


def clickhouse_folder(home: Path) -> Path:
    """The data folder of the embedded ClickHouse engine."""
    return home / "clickhouse"


def database_of(service: str) -> str:
    """The name of a service's database on the embedded server."""
    return f"daira_{service}"


def role_of(service: str) -> str:
    """The role a service signs in with, which owns its database and can enter no other."""
    return f"daira_{service}"


def _database_setting(service: str) -> str:
    return f"{service.upper()}_DATABASE_URL"
