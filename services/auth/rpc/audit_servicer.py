"""AuditService: decode the request, call the use case, encode the answer."""

from __future__ import annotations

from typing import Any, Final

from daira.auth.v1 import audit_service_pb2 as pb
from daira.auth.v1 import audit_service_pb2_grpc
from services.auth.application.audit_ports import AuditDetail, AuditEntry
from services.auth.application.list_audit_entries import ListAuditEntries
from services.auth.rpc.callers import caller
from services.auth.rpc.token_pairs import encode_time
from services.chassis.errors import invalid
from services.chassis.page_token import PageTokens

_METHOD: Final = "ListMyAuditEntries"
_MAX_SIZE: Final = 100
_DEFAULT_SIZE: Final = 20
_MAX_INT32: Final = (1 << 31) - 1


class AuditServicer(audit_service_pb2_grpc.AuditServiceServicer):
    """AuditService over the use case. Errors climb as AppError."""

    def __init__(self, list_entries: ListAuditEntries, tokens: PageTokens) -> None:
        self._list_entries = list_entries
        self._tokens = tokens

    async def ListMyAuditEntries(  # noqa: N802
        self, request: pb.ListMyAuditEntriesRequest, context: Any
    ) -> pb.ListMyAuditEntriesResponse:
        """A page of the caller's history."""
        del context
        user_id, _ = caller()
        if not 0 <= request.page_size <= _MAX_SIZE:
            raise invalid("page_size", f"must be 0 to {_MAX_SIZE}")
        before = 0
        if request.page_token:
            before = int(self._tokens.open(request.page_token, _METHOD, user_id)["before"])
        entries, has_more = await self._list_entries(user_id, before, request.page_size or _DEFAULT_SIZE)
        token = self._tokens.seal(_METHOD, user_id, {"before": entries[-1].seq}) if has_more else ""
        return pb.ListMyAuditEntriesResponse(
            entries=[_encoded(user_id, entry) for entry in entries], next_page_token=token
        )


def _encoded(user_id: int, entry: AuditEntry) -> pb.AuditEntry:
    detail = entry.detail or AuditDetail()
    return pb.AuditEntry(
        kind=entry.kind,
        occurred_at=encode_time(entry.occurred_at),
        network=detail.network,
        device_name=detail.device_name,
        session_id=entry.session_id,
        by_owner=entry.actor_id == user_id,
        repeats=min(entry.repeats, _MAX_INT32),
        entry_id=entry.seq,
    )
