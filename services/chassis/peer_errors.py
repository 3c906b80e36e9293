"""What a failed call to another service means here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import grpc
import grpc.aio
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from services.chassis.errors import AppError, ErrorKind, FieldViolation

STATUS_DETAILS_HEADER: Final = "grpc-status-details-bin"

_KIND_BY_STATUS: Final[dict[grpc.StatusCode, ErrorKind]] = {
    grpc.StatusCode.INVALID_ARGUMENT: ErrorKind.INVALID_ARGUMENT,
    grpc.StatusCode.UNAUTHENTICATED: ErrorKind.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED: ErrorKind.PERMISSION_DENIED,
    grpc.StatusCode.NOT_FOUND: ErrorKind.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS: ErrorKind.ALREADY_EXISTS,
    grpc.StatusCode.ABORTED: ErrorKind.ABORTED,
    grpc.StatusCode.FAILED_PRECONDITION: ErrorKind.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ErrorKind.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAVAILABLE: ErrorKind.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: ErrorKind.DEADLINE_EXCEEDED,
}
# Used when the peer, or the transport on its behalf, gave no reason.
_REASON_BY_KIND: Final[dict[ErrorKind, str]] = {
    ErrorKind.UNAVAILABLE: "SERVICE_UNAVAILABLE",
    ErrorKind.DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
    ErrorKind.RESOURCE_EXHAUSTED: "OVERLOADED",
}
_OVERLOADED_RETRY_MS: Final = 500


def to_app_error(error: grpc.aio.AioRpcError) -> AppError:
    """The peer's error with its reason, metadata and violations intact; statuses without a kind become INTERNAL."""
    kind = _KIND_BY_STATUS.get(error.code(), ErrorKind.INTERNAL)
    reason = _REASON_BY_KIND.get(kind, kind.name)
    metadata: dict[str, str] = {}
    violations: tuple[FieldViolation, ...] = ()
    retry_after_ms = _OVERLOADED_RETRY_MS if kind is ErrorKind.RESOURCE_EXHAUSTED else None
    from_peer = False
    for detail in _details(error):
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo.FromString(detail.value)
            reason, metadata, from_peer = info.reason, dict(info.metadata), True
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            request = error_details_pb2.BadRequest.FromString(detail.value)
            violations = tuple(FieldViolation(v.field, v.description) for v in request.field_violations)
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry_after_ms = error_details_pb2.RetryInfo.FromString(detail.value).retry_delay.ToMilliseconds()
    # The transport's own words name addresses; only what a service of the house said is shown.
    message = (error.details() or "") if from_peer else kind.value.replace("_", " ")
    return AppError(
        kind, reason, message, metadata=metadata, field_violations=violations, retry_after_ms=retry_after_ms
    )


def _details(error: grpc.aio.AioRpcError) -> Sequence[any_pb2.Any]:
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_DETAILS_HEADER and isinstance(value, bytes):
            try:
                details: Sequence[any_pb2.Any] = status_pb2.Status.FromString(value).details
            except DecodeError:
                return ()
            return details
    return ()
