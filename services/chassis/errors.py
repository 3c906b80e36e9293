"""The one error type that crosses layers and services; standard library only, so a domain may raise it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class ErrorKind(enum.Enum):
    """What went wrong, in words any transport can map."""

    INVALID_ARGUMENT = "invalid_argument"
    UNAUTHENTICATED = "unauthenticated"
    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    ABORTED = "aborted"
    FAILED_PRECONDITION = "failed_precondition"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    UNAVAILABLE = "unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request that breaks a rule; `field` is the proto path, such as `profile.handle`."""

    field: str
    description: str


class AppError(Exception):
    """An error meant for the caller: kind, machine-readable reason, and a message that is safe to show."""

    def __init__(
        self,
        kind: ErrorKind,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        field_violations: tuple[FieldViolation, ...] = (),
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.kind = kind
        self.reason = reason
        self.message = message
        self.metadata: Mapping[str, str] = dict(metadata or {})
        self.field_violations = field_violations
        self.retry_after_ms = retry_after_ms


def invalid(field: str, description: str, *, reason: str = "FIELD_INVALID") -> AppError:
    """A field of the request is missing, malformed or out of its limits."""
    return AppError(
        ErrorKind.INVALID_ARGUMENT,
        reason,
        f"{field}: {description}",
        field_violations=(FieldViolation(field, description),),
    )


def invalid_fields(violations: tuple[FieldViolation, ...], *, reason: str = "FIELD_INVALID") -> AppError:
    """Several fields of the request break rules; `violations` is not empty."""
    message = "; ".join(f"{violation.field}: {violation.description}" for violation in violations)
    return AppError(ErrorKind.INVALID_ARGUMENT, reason, message, field_violations=violations)


def not_found(what: str, reason: str) -> AppError:
    """The thing asked for does not exist; `what` is a noun such as `post`."""
    return AppError(ErrorKind.NOT_FOUND, reason, f"{what} not found")


def already_exists(message: str, reason: str) -> AppError:
    """The thing to make exists already."""
    return AppError(ErrorKind.ALREADY_EXISTS, reason, message)


def unauthenticated(reason: str, message: str) -> AppError:
    """Who is calling could not be established."""
    return AppError(ErrorKind.UNAUTHENTICATED, reason, message)


def token_revoked() -> AppError:
    """The token was good, and its session has ended: whether the list of a process says so or the owner's own table."""
    return unauthenticated("TOKEN_REVOKED", "the session has ended")


def denied(message: str, reason: str = "CALLER_NOT_ALLOWED") -> AppError:
    """The caller is known and may not do this."""
    return AppError(ErrorKind.PERMISSION_DENIED, reason, message)


def failed_precondition(message: str, reason: str) -> AppError:
    """The state of the system refuses the request until something else changes."""
    return AppError(ErrorKind.FAILED_PRECONDITION, reason, message)


def key_reused() -> AppError:
    """The same idempotency key came with another request."""
    return failed_precondition("the idempotency key was used with another request", "IDEMPOTENCY_KEY_REUSED")


def exhausted(message: str, retry_after_ms: int, reason: str = "OVERLOADED") -> AppError:
    """A quota or a capacity is used up for `retry_after_ms` milliseconds."""
    return AppError(ErrorKind.RESOURCE_EXHAUSTED, reason, message, retry_after_ms=retry_after_ms)


def unavailable(message: str, reason: str = "STORE_UNAVAILABLE", retry_after_ms: int | None = None) -> AppError:
    """Something this answer needs is away; the same request may succeed later."""
    return AppError(ErrorKind.UNAVAILABLE, reason, message, retry_after_ms=retry_after_ms)
