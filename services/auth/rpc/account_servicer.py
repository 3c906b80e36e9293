"""AccountService: decode the request, call the use case, encode the answer."""

from __future__ import annotations

from typing import Any

from daira.auth.v1 import account_service_pb2 as pb
from daira.auth.v1 import account_service_pb2_grpc
from services.auth.application.change_names import ChangeNames
from services.auth.application.close_account import CloseAccount
from services.auth.application.export_account import ExportAccount
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

    async def GetExport(self, request: pb.GetExportRequest, _context: Any) -> pb.GetExportResponse:  # noqa: N802
        """A part of the copy."""
        part = await self._export.read(context.require_user(), request.export_id, request.chunk)
        return pb.GetExportResponse(data=part.data, chunks=part.chunks, expires_at=encode_time(part.expires_at))
