"""AccountService: decode the request, call the use case, encode the answer."""

from __future__ import annotations

from typing import Any

from daira.auth.v1 import account_service_pb2 as pb
from daira.auth.v1 import account_service_pb2_grpc, export_state_pb2
from services.auth.application.change_names import ChangeNames
from services.auth.application.close_account import CloseAccount
from services.auth.application.export_account import ExportAccount
from services.auth.application.export_ports import ExportState, PartState
from services.auth.domain.codes import CodePurpose
from services.auth.rpc.caller_network import caller_network
from services.auth.rpc.callers import caller
from services.auth.rpc.token_pairs import encode_time
from services.chassis import context
from services.chassis.idempotency import check_key


class AccountServicer(account_service_pb2_grpc.AccountServiceServicer):
    """AccountService over the use cases. Errors climb as AppError."""

    def __init__(self, names: ChangeNames, close: CloseAccount, export: ExportAccount) -> None:
        self._names = names
        self._close = close
        self._export = export

    async def GetAccountState(  # noqa: N802
        self, _request: pb.GetAccountStateRequest, _context: Any
    ) -> pb.GetAccountStateResponse:
        """How the account stands."""
        state = await self._close.state(context.require_user())
        response = pb.GetAccountStateResponse(
            phone_proved=state.is_phone_proved, email_verified=state.is_email_verified
        )
        if state.deletion_due_at is not None:
            response.deletion_due_at.FromDatetime(state.deletion_due_at)
        return response

    async def BeginPhoneChange(  # noqa: N802
        self, request: pb.BeginPhoneChangeRequest, call: Any
    ) -> pb.BeginPhoneChangeResponse:
        """Send a code to a new phone."""
        key = check_key(request.idempotency_key)
        sent = await self._names.begin_phone(context.require_user(), request.phone, key, caller_network(call))
        return pb.BeginPhoneChangeResponse(
            flow_token=sent.flow_token, expires_at=encode_time(sent.expires_at), resend_at=encode_time(sent.resend_at)
        )

    async def ConfirmPhoneChange(  # noqa: N802
        self, request: pb.ConfirmPhoneChangeRequest, _context: Any
    ) -> pb.ConfirmPhoneChangeResponse:
        """Change the phone."""
        name = await self._names.confirm(*caller(), CodePurpose.CHANGE_PHONE, request.flow_token, request.code)
        return pb.ConfirmPhoneChangeResponse(masked_phone=name)

    async def BeginEmailChange(  # noqa: N802
        self, request: pb.BeginEmailChangeRequest, call: Any
    ) -> pb.BeginEmailChangeResponse:
        """Send a code to a new address."""
        key = check_key(request.idempotency_key)
        sent = await self._names.begin_email(context.require_user(), request.email, key, caller_network(call))
        return pb.BeginEmailChangeResponse(
            flow_token=sent.flow_token, expires_at=encode_time(sent.expires_at), resend_at=encode_time(sent.resend_at)
        )

    async def ConfirmEmailChange(  # noqa: N802
        self, request: pb.ConfirmEmailChangeRequest, _context: Any
    ) -> pb.ConfirmEmailChangeResponse:
        """Change the address."""
        name = await self._names.confirm(*caller(), CodePurpose.CHANGE_EMAIL, request.flow_token, request.code)
        return pb.ConfirmEmailChangeResponse(masked_email=name)

    async def BeginEmailVerification(  # noqa: N802
        self, request: pb.BeginEmailVerificationRequest, call: Any
    ) -> pb.BeginEmailVerificationResponse:
        """Send a code to the account's address."""
        key = check_key(request.idempotency_key)
        sent = await self._names.begin_verification(context.require_user(), key, caller_network(call))
        return pb.BeginEmailVerificationResponse(
            flow_token=sent.flow_token, expires_at=encode_time(sent.expires_at), resend_at=encode_time(sent.resend_at)
        )

    async def ConfirmEmailVerification(  # noqa: N802
        self, request: pb.ConfirmEmailVerificationRequest, _context: Any
    ) -> pb.ConfirmEmailVerificationResponse:
        """Verify the address."""
        name = await self._names.confirm(*caller(), CodePurpose.VERIFY_EMAIL, request.flow_token, request.code)
        return pb.ConfirmEmailVerificationResponse(masked_email=name)

    async def RequestDeletion(  # noqa: N802
        self, _request: pb.RequestDeletionRequest, _context: Any
    ) -> pb.RequestDeletionResponse:
        """Ask for deletion."""
        due_at, ended = await self._close.request(*caller())
        return pb.RequestDeletionResponse(due_at=encode_time(due_at), ended_count=ended)

    async def CancelDeletion(self, _request: pb.CancelDeletionRequest, _context: Any) -> pb.CancelDeletionResponse:  # noqa: N802
        """Keep the account."""
        return pb.CancelDeletionResponse(cancelled=await self._close.cancel(context.require_user()))

    async def RequestExport(self, _request: pb.RequestExportRequest, _context: Any) -> pb.RequestExportResponse:  # noqa: N802
        """Ask for a copy."""
        return pb.RequestExportResponse(export_id=await self._export.request(context.require_user()))

    async def GetExportState(  # noqa: N802
        self, request: export_state_pb2.GetExportStateRequest, _context: Any
    ) -> export_state_pb2.GetExportStateResponse:
        """How far the copy is."""
        return _encode_state(await self._export.state(context.require_user(), request.export_id))

    async def GetExport(self, request: pb.GetExportRequest, _context: Any) -> pb.GetExportResponse:  # noqa: N802
        """A chunk of the copy."""
        part = await self._export.read(context.require_user(), request.export_id, request.chunk)
        response = pb.GetExportResponse(data=part.data, chunks=part.chunks)
        if part.expires_at is not None:
            response.expires_at.FromDatetime(part.expires_at)
        return response


def _encode_state(state: ExportState) -> export_state_pb2.GetExportStateResponse:
    is_ready = state.expires_at is not None
    # An export of before there were parts has none, and lacks none.
    status = (
        export_state_pb2.EXPORT_STATUS_COMPLETE
        if all(part.is_done for part in state.parts)
        else export_state_pb2.EXPORT_STATUS_INCOMPLETE
    )
    response = export_state_pb2.GetExportStateResponse(
        export_id=state.export_id,
        status=status if is_ready else export_state_pb2.EXPORT_STATUS_GATHERING,
        requested_at=encode_time(state.requested_at),
        chunks=state.chunks,
        parts=[_encode_part(part, is_ready=is_ready) for part in state.parts],
    )
    if state.expires_at is not None:
        response.expires_at.FromDatetime(state.expires_at)
    return response


def _encode_part(part: PartState, *, is_ready: bool) -> export_state_pb2.ExportPart:
    if part.is_done:
        status = export_state_pb2.EXPORT_PART_STATUS_COMPLETE
    elif is_ready:
        status = export_state_pb2.EXPORT_PART_STATUS_MISSING
    else:
        status = (
            export_state_pb2.EXPORT_PART_STATUS_WAITING
            if part.failures
            else export_state_pb2.EXPORT_PART_STATUS_GATHERING
        )
    return export_state_pb2.ExportPart(service=part.service, status=status, records=part.records)
