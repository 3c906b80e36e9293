"""The process table of the platform: what runs on one machine, with which settings, after what."""

from __future__ import annotations

import sys

from dev.endpoints import Endpoints
from dev.supervisor.specs import Completed, GrpcHealth, HttpOk, ProcessSpec, Readiness, ReadyEvent

# Low enough that the demo community has an author above it.
DEMO_FAN_IN_THRESHOLD = 200
STORE_OWNERS = ("auth", "payments", "social")


def process_table(endpoints: Endpoints) -> list[ProcessSpec]:
    """Every process with its settings. Each gets only what it needs: no service sees another's database URL."""
    urls = endpoints.store_urls
    shared = {
        "DAIRA_ENV": "dev",
        "PYTHONUNBUFFERED": "1",
        "LOG_FORMAT": "console",
        # Nobody routes to us by an endpoint list that lags, so there is nothing to wait for before draining.
        "DRAIN_WAIT_S": "0",
        "SERVICE_TOKEN_KEY": endpoints.service_token_key,
        "PAGE_TOKEN_KEY": endpoints.page_token_key,
        "DPOP_URL": f"{endpoints.gateway_url}/graphql",
    }
    database = {name: {f"{name.upper()}_DATABASE_URL": urls[f"{name.upper()}_DATABASE_URL"]} for name in STORE_OWNERS}
    redis = {"REDIS_URL": urls["REDIS_URL"]}
    peers = {f"{name.upper()}_ADDRESS": endpoints.address(name) for name in (*STORE_OWNERS, "analytics")}
    auth_keys = {"AUTH_ADDRESS": peers["AUTH_ADDRESS"]}
    social = {**shared, **database["social"], **redis, **auth_keys}
    social["SOCIAL_FAN_IN_THRESHOLD"] = str(DEMO_FAN_IN_THRESHOLD)

    def service(name: str, env: dict[str, str], *after: str) -> ProcessSpec:
        listen = {f"{name.upper()}_LISTEN": endpoints.address(name)}
        return _spec(name, f"services.{name}", GrpcHealth(endpoints.address(name)), {**env, **listen}, *after)

    def worker(name: str, module: str, env: dict[str, str], *after: str) -> ProcessSpec:
        return _spec(name, module, ReadyEvent(), env, *after)

    tasks = [
        _spec(f"{name}-migrate", f"services.{name}.migrate", Completed(), {**shared, **database[name]})
        for name in STORE_OWNERS
    ]
    # The relay opens what the service seals: codes on their way.
    auth = {
        **shared, **database["auth"], **redis, "AUTH_KEY_ENCRYPTION_KEY": endpoints.auth_key_encryption_key
    }  # fmt: skip
    payments = {**shared, **database["payments"], **redis, **auth_keys}
    gateway = {**shared, **peers, "GATEWAY_LISTEN": endpoints.gateway_url.removeprefix("http://")}
    analytics = {**shared, **redis, **peers, "CLICKHOUSE_URL": urls["CLICKHOUSE_URL"]}
    # Of the service alone: its workers would want the same port.
    social_service = {**social, "SOCIAL_METRICS_PORT": str(endpoints.ports["SOCIAL_METRICS_PORT"])}
    return [
        *tasks,
        service("auth", auth, "auth-migrate"),
        service("payments", payments, "payments-migrate", "auth"),
        service("social", social_service, "social-migrate", "auth"),
        worker("auth-relay", "services.auth.workers.relay", auth, "auth-migrate"),
        worker("payments-relay", "services.payments.workers.relay", payments, "payments-migrate"),
        worker("social-relay", "services.social.workers.relay", social, "social-migrate"),
        worker("social-fan-out", "services.social.workers.fan_out", social, "social-migrate"),
        worker("social-projector", "services.social.workers.projector", social, "social-migrate"),
        service("analytics", analytics, "auth"),
        _spec("gateway", "gateway", HttpOk(f"{endpoints.gateway_url}/readyz"), gateway, *STORE_OWNERS, "analytics"),
    ]


def _spec(name: str, module: str, ready: Readiness, env: dict[str, str], *after: str) -> ProcessSpec:
    return ProcessSpec(name=name, command=(sys.executable, "-m", module), ready=ready, env=env, after=after)
