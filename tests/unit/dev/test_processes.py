"""The process table: complete, startable in order, and each process with only the keys and databases it needs."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from dev.endpoints import DATABASES, Endpoints, gather
from dev.home import SECRET_NAMES, SERVICES
from dev.processes import process_table
from dev.service_keys import new_signing_key
from dev.settings import DEFAULT_PORTS, parse_settings
from dev.supervisor.specs import in_levels

SECRETS = {name: new_signing_key() if name.endswith("_signing_key") else f"{name}-value" for name in SECRET_NAMES}
NAMES = {
    "auth", "auth-relay", "payments", "payments-relay", "payments-sagas", "payments-callbacks", "sandbox-provider",
    "social", "social-relay", "social-fan-out", "social-projector", "analytics", "gateway",
}  # fmt: skip


def endpoints(**settings: str) -> Endpoints:
    return gather(
        parse_settings({"DAIRA_HOME": "/nowhere", **settings}),
        DEFAULT_PORTS,
        SECRETS,
        postgres_url="postgresql://postgres:pw@127.0.0.1:55432/postgres",
        redis_url="redis://127.0.0.1:56379/0",
    )


def test_every_process_is_there_and_has_an_order() -> None:
    levels = [{spec.name for spec in level} for level in in_levels(process_table(endpoints()))]
    assert set.union(*levels) == NAMES | {f"{service}-migrate" for service in DATABASES}
    assert levels[-1] == {"gateway"}


def test_every_module_exists() -> None:
    for spec in process_table(endpoints()):
        assert find_spec(spec.command[-1]), spec.command


def test_no_process_knows_more_than_it_needs() -> None:
    for spec in process_table(endpoints()):
        own = spec.name.split("-")[0]
        known = {name for name in spec.env if name.endswith("_DATABASE_URL")}
        assert known == ({f"{own.upper()}_DATABASE_URL"} if own in DATABASES else set()), spec.name
        assert ("AUTH_KEY_ENCRYPTION_KEY" in spec.env) == (spec.name in {"auth", "auth-relay"})
        assert ("PAYMENTS_KEY_ENCRYPTION_KEY" in spec.env) == (spec.name in {"payments", "payments-sagas"})
        assert ("CLICKHOUSE_URL" in spec.env) == (spec.name == "analytics")
        assert SECRETS["postgres_password"] not in " ".join(spec.env.values())


def test_each_service_alone_has_its_own_signing_key() -> None:
    for spec in process_table(endpoints()):
        # The relay of payments asks others for their logs, that of auth for what they hold about people.
        asks = spec.name in {*SERVICES, "auth-relay", "payments-relay"}
        own = {f"{spec.name.removesuffix('-relay')}_signing_key"} if asks else set()
        settings = set(spec.env.values())
        assert {name for name in SECRETS if name.endswith("_signing_key") and SECRETS[name] in settings} == own
        bundle = spec.env.get("SERVICE_TRUST_BUNDLE", "")
        assert bool(bundle) == bool(own)
        assert not any(secret in bundle for secret in SECRETS.values())


@pytest.mark.parametrize(
    ("name", "url"),
    [("SOCIAL_DATABASE_URL", "postgresql://u:p@db:5432/s"), ("REDIS_URL", "redis://cache:6379/3")],
)
def test_a_named_server_takes_the_place_of_the_embedded_one(name: str, url: str) -> None:
    named = endpoints(**{name: url})
    assert named.store_urls[name] == url
    assert any(spec.env.get(name) == url for spec in process_table(named))
    assert named.store_urls["AUTH_DATABASE_URL"].endswith("@127.0.0.1:55432/daira_auth")


def test_everything_is_written_down_for_commands_beside_a_run() -> None:
    settings = endpoints().as_settings()
    assert settings["CLICKHOUSE_URL"] == "chdb:///nowhere/clickhouse"
    assert settings["SOCIAL_ADDRESS"] == "127.0.0.1:50053"
    assert settings["GATEWAY_URL"] == "http://127.0.0.1:8080"
