"""The process table of the platform: what runs on one machine, with which settings, after what."""

from __future__ import annotations

import sys

from dev.endpoints import Endpoints
from dev.supervisor.specs import Completed, GrpcHealth, HttpOk, ProcessSpec, Readiness, ReadyEvent

# Low enough that the demo community has an author above it.
DEMO_FAN_IN_THRESHOLD = 200
_CALLBACK_KEYS = ("PAYMOB_HMAC_SECRET", "PAYMOB_PAYOUTS_HMAC_SECRET", "FAWRY_SECURITY_KEY")
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
        "DPOP_URL": f"{endpoints.gateway_url}/graphql",
    }
    database = {name: {f"{name.upper()}_DATABASE_URL": urls[f"{name.upper()}_DATABASE_URL"]} for name in STORE_OWNERS}
    redis = {"REDIS_URL": urls["REDIS_URL"]}
    peers = {f"{name.upper()}_ADDRESS": endpoints.address(name) for name in (*STORE_OWNERS, "analytics")}
    auth_keys = {"AUTH_ADDRESS": peers["AUTH_ADDRESS"]}
    pages = {"PAGE_TOKEN_KEY": endpoints.page_token_key}
    social = {**shared, **database["social"], **redis, **auth_keys, **pages}
    social["SOCIAL_FAN_IN_THRESHOLD"] = str(DEMO_FAN_IN_THRESHOLD)

    def identity(name: str) -> dict[str, str]:
        return {
            "SERVICE_SIGNING_KEY": endpoints.signing_keys[name],
            "SERVICE_TRUST_BUNDLE": endpoints.trust_bundle,
        }

    def service(name: str, env: dict[str, str], *after: str) -> ProcessSpec:
        own = {f"{name.upper()}_LISTEN": endpoints.address(name), **identity(name)}
        return _spec(name, f"services.{name}", GrpcHealth(endpoints.address(name)), {**env, **own}, *after)

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
    # It also asks the others what they hold about people who want a copy.
    auth_relay = {**auth, **identity("auth"), **{k: v for k, v in peers.items() if k != "AUTH_ADDRESS"}}
    payments = {**shared, **database["payments"], **redis, **auth_keys, **pages}
    # They seal and open where people are paid out.
    sealing = {**payments, "PAYMENTS_KEY_ENCRYPTION_KEY": endpoints.payments_key_encryption_key}
    reports = {"PAYMENTS_SETTLEMENT_REPORTS": f"{endpoints.http_url('SANDBOX')}/settlements"}
    # It also reads the logs of auth and social.
    listening = {**payments, **identity("payments"), "SOCIAL_ADDRESS": peers["SOCIAL_ADDRESS"]}
    gateway = {**shared, **peers, "GATEWAY_LISTEN": endpoints.gateway_url.removeprefix("http://")}
    analytics = {**shared, **redis, **peers, "CLICKHOUSE_URL": urls["CLICKHOUSE_URL"]}
    # Of the service alone: it reads payments' log, and its workers would want the same port.
    listens = {"PAYMENTS_ADDRESS": peers["PAYMENTS_ADDRESS"]}
    social_service = {**social, **listens, "SOCIAL_METRICS_PORT": str(endpoints.ports["SOCIAL_METRICS_PORT"])}
    return [
        *tasks,
        service("auth", auth, "auth-migrate"),
        service("payments", {**sealing, **reports}, "payments-migrate", "auth"),
        service("social", social_service, "social-migrate", "auth"),
        worker("auth-relay", "services.auth.workers.relay", auth_relay, "auth-migrate"),
        worker("payments-relay", "services.payments.workers.relay", listening, "payments-migrate"),
        *_rails(endpoints, sealing, {**shared, **database["payments"]}),
        worker("social-relay", "services.social.workers.relay", social, "social-migrate"),
        worker("social-fan-out", "services.social.workers.fan_out", social, "social-migrate"),
        worker("social-projector", "services.social.workers.projector", social, "social-migrate"),
        service("analytics", analytics, "auth"),
        _spec("gateway", "gateway", HttpOk(f"{endpoints.gateway_url}/readyz"), gateway, *STORE_OWNERS, "analytics"),
    ]


def _rails(endpoints: Endpoints, sealing: dict[str, str], plain: dict[str, str]) -> list[ProcessSpec]:
    """Who asks payment providers, who hears them, and the sandbox that stands for them all."""
    sandbox, callbacks = endpoints.http_url("SANDBOX"), endpoints.http_url("CALLBACKS")
    asking = {
        "PAYMENTS_RAILS": "open",
        **dict.fromkeys(("PAYMOB_URL", "PAYMOB_PAYOUTS_URL", "FAWRY_URL"), sandbox),
        "PAYMOB_PAGE_URL": f"{sandbox}/pay/",
        **dict.fromkeys(("PAYMOB_SECRET_KEY", "PAYMOB_PAYOUTS_KEY", "FAWRY_SECURITY_KEY"), endpoints.provider_key),
        "FAWRY_MERCHANT": "daira",
    }
    signed = {**plain, **dict.fromkeys(_CALLBACK_KEYS, endpoints.provider_key)}
    hearing = {**signed, "PAYMENTS_CALLBACKS_LISTEN": callbacks.removeprefix("http://")}
    providing = {
        **{name: value for name, value in signed.items() if not name.endswith("_DATABASE_URL")},
        "SANDBOX_LISTEN": sandbox.removeprefix("http://"),
        "SANDBOX_BOOK": str(endpoints.sandbox_book),
        "SANDBOX_CALLBACKS_URL": f"{callbacks}/callbacks",
    }
    runner, door = "services.payments.workers.sagas", "services.payments.workers.callbacks"
    return [
        _spec("payments-sagas", runner, ReadyEvent(), {**sealing, **asking}, "payments-migrate"),
        _spec("payments-callbacks", door, HttpOk(f"{callbacks}/readyz"), hearing, "payments-migrate"),
        _spec("sandbox-provider", "dev.sandbox_provider", HttpOk(f"{sandbox}/readyz"), providing, "payments-migrate"),
    ]


def _spec(name: str, module: str, ready: Readiness, env: dict[str, str], *after: str) -> ProcessSpec:
    return ProcessSpec(name=name, command=(sys.executable, "-m", module), ready=ready, env=env, after=after)
