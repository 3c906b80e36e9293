"""Errors as GraphQL clients see them, and the one table from gRPC codes to `extensions.code`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import grpc

from services.chassis.errors import FieldViolation

INTERNAL: Final = "INTERNAL_SERVER_ERROR"
BAD_USER_INPUT: Final = "BAD_USER_INPUT"
NOT_FOUND: Final = "NOT_FOUND"
CONFLICT: Final = "CONFLICT"
TIMEOUT: Final = "TIMEOUT"
UNAUTHENTICATED: Final = "UNAUTHENTICATED"
UNAVAILABLE: Final = "SERVICE_UNAVAILABLE"

# INTERNAL is masked: what the backend said stays in the log, beside the errorId that the client gets.
CODES: Final[Mapping[grpc.StatusCode, str]] = {
    grpc.StatusCode.OK: INTERNAL,  # An error that says OK is a broken peer.
    grpc.StatusCode.CANCELLED: UNAVAILABLE,  # By the backend: when the client is gone nobody reads an answer.
    grpc.StatusCode.UNKNOWN: INTERNAL,
    grpc.StatusCode.INVALID_ARGUMENT: BAD_USER_INPUT,
    grpc.StatusCode.DEADLINE_EXCEEDED: TIMEOUT,
    grpc.StatusCode.NOT_FOUND: NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS: CONFLICT,
    grpc.StatusCode.PERMISSION_DENIED: "FORBIDDEN",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "RATE_LIMITED",
    grpc.StatusCode.FAILED_PRECONDITION: "FAILED_PRECONDITION",
    grpc.StatusCode.ABORTED: CONFLICT,
    grpc.StatusCode.OUT_OF_RANGE: BAD_USER_INPUT,
    grpc.StatusCode.UNIMPLEMENTED: INTERNAL,
    grpc.StatusCode.INTERNAL: INTERNAL,
    grpc.StatusCode.UNAVAILABLE: UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS: INTERNAL,
    grpc.StatusCode.UNAUTHENTICATED: UNAUTHENTICATED,
}

# Reasons whose gRPC code says less than a client needs.
_CODES_BY_REASON: Final = {"IDEMPOTENCY_KEY_REUSED": CONFLICT}

# Shown when the error is not one of DAIRA's own: what gRPC itself says names hosts and ports.
_GENERIC_MESSAGES: Final = {
    BAD_USER_INPUT: "the request is not valid",
    CONFLICT: "the request is in conflict with another",
    "FAILED_PRECONDITION": "the request is refused in the present state",
    "FORBIDDEN": "not allowed",
    NOT_FOUND: "not found",
    "RATE_LIMITED": "too many requests",
    UNAVAILABLE: "a service that the answer needs is away; try again later",
    TIMEOUT: "the answer took too long",
    UNAUTHENTICATED: "sign in first",
}
_MASKED_MESSAGE: Final = "internal error"


@dataclass(eq=False)
class GatewayError(Exception):
    """An error that is safe to show: `code` is `extensions.code`, `reason` a name of common.v1.ErrorReason or ''."""

    code: str
    message: str
    reason: str = ""
    field_violations: tuple[FieldViolation, ...] = ()
    retry_after_ms: int | None = None
    error_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.message)

    @property
    def is_not_found(self) -> bool:
        """Whether the thing asked for does not exist."""
        return self.code == NOT_FOUND

    def extensions(self) -> dict[str, Any]:
        """The `extensions` of the GraphQL error; only what there is."""
        shown: dict[str, Any] = {"code": self.code}
        if self.reason:
            shown["reason"] = self.reason
        if self.field_violations:
            shown["fieldViolations"] = [
                {"field": violation.field, "description": violation.description} for violation in self.field_violations
            ]
        if self.retry_after_ms is not None:
            shown["retryAfterMs"] = self.retry_after_ms
        if self.error_id:
            shown["errorId"] = self.error_id
        return shown


def bad_input(argument: str, description: str, reason: str = "FIELD_INVALID") -> GatewayError:
    """An argument, by its GraphQL path, breaks a rule that the gateway checks itself."""
    return GatewayError(
        BAD_USER_INPUT,
        f"{argument}: {description}",
        reason,
        field_violations=(FieldViolation(argument, description),),
    )


def masked(error_id: str = "") -> GatewayError:
    """An error of which the client learns no more than an id to report."""
    return GatewayError(INTERNAL, _MASKED_MESSAGE, error_id=error_id or secrets.token_hex(8))


def from_status(
    status: grpc.StatusCode,
    message: str,
    *,
    reason: str = "",
    metadata: Mapping[str, str] | None = None,
    field_violations: tuple[FieldViolation, ...] = (),
    retry_after_ms: int | None = None,
) -> GatewayError:
    """A gRPC error as the client sees it. Without a reason it is not one of DAIRA's, and its message is not shown."""
    metadata = metadata or {}
    code = _CODES_BY_REASON.get(reason) or CODES[status]
    if code == INTERNAL:
        return masked(metadata.get("error_id", ""))
    return GatewayError(
        code,
        message if reason else _GENERIC_MESSAGES[code],
        reason,
        field_violations=field_violations,
        retry_after_ms=retry_after_ms,
        metadata=metadata,
    )
