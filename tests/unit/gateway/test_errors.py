"""The table from gRPC codes to GraphQL codes: complete, and silent about what is internal."""

from __future__ import annotations

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from daira.common.v1.error_reason_pb2 import ErrorReason
from gateway.errors import CODES, GatewayError, from_status, masked
from gateway.rpc_errors import from_app_error, from_rpc_error
from services.chassis.errors import AppError, ErrorKind, FieldViolation

MASKED = {"OK", "UNKNOWN", "UNIMPLEMENTED", "INTERNAL", "DATA_LOSS"}


@pytest.mark.parametrize("status", grpc.StatusCode)
def test_every_status_has_a_code_and_shows_nothing_of_the_transport(status: grpc.StatusCode) -> None:
    shown = from_rpc_error(AioRpcError(status, Metadata(), Metadata(), "ipv4:10.0.0.7:5432 refused", "debug string"))
    assert shown.code == CODES[status]
    assert "10.0.0.7" not in shown.message
    assert shown.reason in {"", "OVERLOADED"}
    assert bool(shown.error_id) == (status.name in MASKED)


@pytest.mark.parametrize("kind", ErrorKind)
def test_errors_of_calls_that_were_not_sent(kind: ErrorKind) -> None:
    shown = from_app_error(AppError(kind, "DEADLINE_TOO_SHORT", "no time left"))
    assert shown.code == CODES[grpc.StatusCode[kind.name]]


def test_broken_details_are_ignored() -> None:
    trailing = Metadata(("grpc-status-details-bin", b"\xff\xff\xff"))
    shown = from_rpc_error(AioRpcError(grpc.StatusCode.NOT_FOUND, Metadata(), trailing, "secret row"))
    assert (shown.code, shown.message) == ("NOT_FOUND", "not found")


def test_known_reasons_are_shown_with_their_message() -> None:
    for name in ErrorReason.DESCRIPTOR.values_by_name:
        reason = name.removeprefix("ERROR_REASON_")
        shown = from_status(grpc.StatusCode.FAILED_PRECONDITION, "words for people", reason=reason)
        assert shown.message == "words for people"
        assert shown.extensions()["reason"] == reason


def test_extensions_hold_only_what_there_is() -> None:
    assert GatewayError("TIMEOUT", "late").extensions() == {"code": "TIMEOUT"}
    full = GatewayError("RATE_LIMITED", "x", "OVERLOADED", (FieldViolation("a", "b"),), 0, "e1")
    assert full.extensions() == {
        "code": "RATE_LIMITED",
        "reason": "OVERLOADED",
        "fieldViolations": [{"field": "a", "description": "b"}],
        "retryAfterMs": 0,
        "errorId": "e1",
    }


def test_masked_errors_have_ids_of_their_own() -> None:
    assert masked().error_id != masked().error_id
