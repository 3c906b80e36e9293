"""Logs are lines of JSON without secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from services.chassis.context import RequestContext, bind
from services.chassis.metrics import LATENCY_BUCKETS_S, Metrics
from services.chassis.public_text import PublicText
from services.chassis.telemetry import configure_logging, redact

JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


@pytest.mark.parametrize(
    "key",
    ["token", "access_token", "refreshToken", "password", "new_password", "authorization", "phone", "phone_number",
     "email", "otp", "client_secret", "Cookie", "card_number", "pin"],
)  # fmt: skip
@pytest.mark.parametrize("value", ["hunter2", 123456, {"a": "b"}, ["c"]])
def test_redacted_by_key(key: str, value: object) -> None:
    assert redact(None, "info", {"event": "x", key: value})[key] == "[redacted]"


@pytest.mark.parametrize(
    "secret",
    [JWT, f"Bearer {JWT}", "bearer abc.def", "+201001234567", "01012345678", "00201112345678", "010 1234 5678",
     "mona@example.com", "u:hunter2@"],
)  # fmt: skip
def test_redacted_by_looks(secret: str) -> None:
    text = f"postgresql://{secret}host/db" if secret.endswith("@") else f"failed for {secret}, sorry"
    cleaned = redact(None, "info", {"event": text, "details": {"deep": [text]}})
    kept = json.dumps(cleaned)
    for part in (secret.rstrip("@"), "hunter2", "1234567", "mona", "eyJ"):
        assert part not in kept


@pytest.mark.parametrize("text", ["7384729384729384729", "1780000000000", "/daira.auth.v1.AuthService/SignIn", "a@ b"])
def test_what_is_no_secret_stays(text: str) -> None:
    event = {"event": text, "user_id": 7384729384729384729, "ms": 1.5, "ok": True, "none": None}
    assert redact(None, "info", dict(event)) == event


def test_what_is_public_stays_however_it_looks() -> None:
    statement = "eyJhbGciOiJFZERTQSJ9.eyJwb3MiOjF9.c2lnbmVk"
    event = redact(None, "info", {"statement": PublicText(statement), "other": statement})
    assert event == {"statement": statement, "other": "[redacted]"}


def test_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("social")
    with bind(RequestContext(request_id="r-1")):
        structlog.get_logger().info("hello", password="hunter2", user_id=7)
    line = json.loads(capsys.readouterr().out)
    assert line["event"] == "hello"
    assert line["service"] == "social"
    assert line["request_id"] == "r-1"
    assert line["level"] == "info"
    assert line["password"] == "[redacted]"
    assert line["user_id"] == 7


def test_tracebacks_and_libraries_are_cleaned_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("social")
    try:
        raise ValueError(f"bad token {JWT} of +201001234567")  # noqa: TRY301 - a traceback is wanted
    except ValueError:
        structlog.get_logger().exception("failed")
    logging.getLogger("somewhere").warning("connecting to redis://u:hunter2@host with %s", JWT)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 2
    for secret in ("eyJ", "1001234567", "hunter2"):
        assert secret not in out


def test_every_limit_of_the_promise_is_an_edge() -> None:
    assert {0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.4} <= set(LATENCY_BUCKETS_S)
    assert list(LATENCY_BUCKETS_S) == sorted(LATENCY_BUCKETS_S)


def test_two_processes_parts_do_not_share_a_registry() -> None:
    assert Metrics().registry is not Metrics().registry
