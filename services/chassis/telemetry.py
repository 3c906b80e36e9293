"""Logs without secrets, and the port where metrics are read."""

from __future__ import annotations

import functools
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import orjson
import prometheus_client
import structlog

from services.chassis import context
from services.chassis.metrics import Metrics
from services.chassis.public_text import PublicText

_REDACTED: Final = "[redacted]"
_SECRET_KEY: Final = re.compile(
    r"token|password|passwd|secret|authorization|bearer|cookie|phone|email|e_mail|otp|msisdn|card|pin\b", re.IGNORECASE
)
# What a secret looks like when it hides inside another text: a JWT, a bearer header, an Egyptian mobile, an e-mail,
# and the password of a URL.
_SECRET_TEXT: Final = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]*\.?[\w-]*"
    r"|(?i:bearer\s+)[\w.~+/=-]+"
    r"|(?<!\d)(?:\+|00)?2?01[0125][\s-]?\d{4}[\s-]?\d{4}(?!\d)"
    r"|(?<!\d)(?:\+|00)201[0125]\d{8}(?!\d)"
    r"|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"
    r"|[\w.+-]+@[\w-]+\.[\w.-]+"
)
# No secret is without one of these, and most texts are: they are not searched further.
_SECRET_HINTS: Final = ("01", "@", "eyJ", "earer", "EARER")
_MAX_DEPTH: Final = 4


def configure_logging(service: str, *, json: bool = True, level: str = "INFO") -> None:
    """Send the process's logs to stdout, one line each; called once, by main.

    Libraries that use the standard logging go the same way, from WARNING up.
    """
    add_service = _service_adder(service)
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
        add_request_id,
        structlog.processors.format_exc_info,
        redact,
    ]
    if json:
        processors.append(structlog.processors.JSONRenderer(serializer=_to_json))
    else:
        processors.append(structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty()))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = _StandardHandler()
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def add_request_id(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor: the id of the request being served, if any."""
    request_id = context.current().request_id
    if request_id and "request_id" not in event:
        event["request_id"] = request_id
    return event


def redact(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor: no token, password, phone or e-mail leaves the process, by its key or by its looks."""
    for key, value in event.items():
        event[key] = _clean(key, value, _MAX_DEPTH)
    return event


def start_metrics_server(metrics: Metrics, port: int, host: str = "0.0.0.0") -> None:  # noqa: S104 - scraped from outside the pod
    """Serve /metrics on `port` from a thread of its own until the process ends; OSError when the port is taken."""
    prometheus_client.start_http_server(port, addr=host, registry=metrics.registry)


def _clean(key: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, (bool, float, PublicText)):
        return value
    # A number under a secret's name is that secret too: a one-time password, a phone.
    if _is_secret_key(key) or depth == 0:
        return _REDACTED
    if isinstance(value, int):
        return value
    if isinstance(value, dict):
        return {str(name): _clean(str(name), item, depth - 1) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean("", item, depth - 1) for item in value]
    text = value if isinstance(value, str) else str(value)
    return _SECRET_TEXT.sub(_REDACTED, text) if any(hint in text for hint in _SECRET_HINTS) else text


@functools.lru_cache(maxsize=1024)
def _is_secret_key(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _service_adder(service: str) -> structlog.typing.Processor:
    def add_service(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return add_service


def _to_json(event: object, **_options: object) -> str:
    return orjson.dumps(event, default=str).decode()


class _StandardHandler(logging.Handler):
    """Hands records of the standard logging to structlog, so that they are redacted too."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger()
        logger.log(record.levelno, "library_log", logger=record.name, message=record.getMessage(),
                   exc_info=record.exc_info or None)  # fmt: skip
