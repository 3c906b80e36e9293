"""What a failed RPC means to a GraphQL client."""

from __future__ import annotations

from typing import Final

import grpc

from daira.common.v1.error_reason_pb2 import ErrorReason
from gateway.errors import GatewayError, from_status
from services.chassis.errors import AppError, ErrorKind
from services.chassis.peer_errors import to_app_error

_REASON_PREFIX: Final = "ERROR_REASON_"
# These say no more than the code beside them, or which store it was; the transport's errors have them too.
_EMPTY_REASONS: Final = frozenset({"INTERNAL", "DEADLINE_EXCEEDED", "SERVICE_UNAVAILABLE", "REDIS_UNAVAILABLE"})
_REASONS: Final = (
    frozenset(name.removeprefix(_REASON_PREFIX) for name in ErrorReason.DESCRIPTOR.values_by_name) - _EMPTY_REASONS
)
_STATUS_BY_KIND: Final = {kind: grpc.StatusCode[kind.name] for kind in ErrorKind}


def from_rpc_error(error: grpc.aio.AioRpcError) -> GatewayError:
    """The error of an answer; what it held beside its reason is for the caller to log when it is masked."""
    return _shown(error.code(), to_app_error(error))


def from_app_error(error: AppError) -> GatewayError:
    """The error of a call that was not even sent, such as for a deadline too short to start."""
    return _shown(_STATUS_BY_KIND[error.kind], error)


def _shown(status: grpc.StatusCode, error: AppError) -> GatewayError:
    # Only reasons of the contract come with a message that was written for clients.
    known = error.reason in _REASONS
    return from_status(
        status,
        error.message,
        reason=error.reason if known else "",
        metadata=error.metadata,
        field_violations=error.field_violations if known else (),
        retry_after_ms=error.retry_after_ms,
    )
