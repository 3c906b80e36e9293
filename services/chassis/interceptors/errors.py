"""The one place that knows status codes: errors of the house become statuses, all others become a masked INTERNAL."""

from __future__ import annotations

import secrets
from typing import Any, Final, NoReturn

import grpc
import grpc.aio
import structlog
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from services.chassis.errors import AppError, ErrorKind
from services.chassis.interceptors.layer import Behaviour, Context
from services.chassis.peer_errors import STATUS_DETAILS_HEADER, to_app_error

ERROR_DOMAIN: Final = "daira"
STATUS_BY_KIND: Final[dict[ErrorKind, grpc.StatusCode]] = {
    ErrorKind.INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorKind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    ErrorKind.PERMISSION_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    ErrorKind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorKind.ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    ErrorKind.ABORTED: grpc.StatusCode.ABORTED,
    ErrorKind.FAILED_PRECONDITION: grpc.StatusCode.FAILED_PRECONDITION,
    ErrorKind.RESOURCE_EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorKind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    ErrorKind.DEADLINE_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
    ErrorKind.INTERNAL: grpc.StatusCode.INTERNAL,
}

# A peer's refusal of what this service asked is this service's fault, not its caller's, save for these.
_PASSED_ON: Final = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE_EXCEEDED, ErrorKind.RESOURCE_EXHAUSTED})
# A server that answered UNAVAILABLE knows that a store is away: retrying the call would only multiply the load.
_NO_RETRY: Final = ("grpc-retry-pushback-ms", "-1")

_log = structlog.get_logger(__name__)


class ErrorsLayer:
    """Turns exceptions into statuses with google.rpc details."""

    name = "errors"

    def wrap(self, method: str, behaviour: Behaviour) -> Behaviour:
        """The behaviour whose exceptions are statuses."""

        async def answer(request: Any, context: Context) -> Any:
            try:
                return await behaviour(request, context)
            except AppError as error:
                await _abort(context, error)
            except grpc.aio.AioRpcError as error:
                peer_error = to_app_error(error)
                await _abort(context, peer_error if peer_error.kind in _PASSED_ON else _mask(method, error))
            except (grpc.aio.AbortError, grpc.aio.BaseError):
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller learns only its id
                await _abort(context, _mask(method, error))

        return answer


def to_status(error: AppError) -> status_pb2.Status:
    """The error as google.rpc.Status, with ErrorInfo and, where it has them, BadRequest and RetryInfo."""
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=ERROR_DOMAIN, metadata=dict(error.metadata))
    ]
    if error.field_violations:
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
                    for v in error.field_violations
                ]
            )
        )
    if error.retry_after_ms is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(error.retry_after_ms)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    status = status_pb2.Status(code=STATUS_BY_KIND[error.kind].value[0], message=error.message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


async def _abort(context: Context, error: AppError) -> NoReturn:
    metadata: list[tuple[str, str | bytes]] = [(STATUS_DETAILS_HEADER, to_status(error).SerializeToString())]
    if error.kind is ErrorKind.UNAVAILABLE:
        metadata.append(_NO_RETRY)
    await context.abort(STATUS_BY_KIND[error.kind], error.message, tuple(metadata))


def _mask(method: str, error: Exception) -> AppError:
    error_id = secrets.token_hex(8)
    _log.error("unexpected_error", method=method, error_id=error_id, exc_info=error)
    return AppError(ErrorKind.INTERNAL, "INTERNAL", "internal error", metadata={"error_id": error_id})
