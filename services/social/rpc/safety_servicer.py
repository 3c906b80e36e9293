"""SafetyService: decode, use case, encode; pages of the people blocked and muted."""

from __future__ import annotations

from typing import Any

from daira.social.v1 import safety_service_pb2 as pb
from daira.social.v1 import safety_service_pb2_grpc
from services.chassis.context import require_user
from services.chassis.idempotency import check_key
from services.social.application.ports import Safety
from services.social.application.safety import KeepSafe
from services.social.rpc.people_pages import PeoplePages


class SafetyServicer(safety_service_pb2_grpc.SafetyServiceServicer):
    """What a person does not want to see."""

    def __init__(self, keep_safe: KeepSafe, safety: Safety, pages: PeoplePages) -> None:
        self._keep_safe = keep_safe
        self._safety = safety
        self._pages = pages

    async def Block(self, request: pb.BlockRequest, context: Any) -> pb.BlockResponse:  # noqa: N802, ARG002 - gRPC's
        """Block a person."""
        check_key(request.idempotency_key)
        await self._keep_safe.block(require_user(), request.user_id)
        return pb.BlockResponse()

    async def Unblock(self, request: pb.UnblockRequest, context: Any) -> pb.UnblockResponse:  # noqa: N802, ARG002
        """Block a person no longer."""
        check_key(request.idempotency_key)
        await self._keep_safe.unblock(require_user(), request.user_id)
        return pb.UnblockResponse()

    async def ListBlocked(self, request: pb.ListBlockedRequest, context: Any) -> pb.ListBlockedResponse:  # noqa: N802, ARG002
        """The people whom the caller blocks, those who block the caller too."""
        profiles, token = await self._pages.page(
            request, "ListBlocked", require_user(), self._safety.blocked, even_of_blockers=True
        )
        return pb.ListBlockedResponse(profiles=profiles, next_page_token=token)

    async def Mute(self, request: pb.MuteRequest, context: Any) -> pb.MuteResponse:  # noqa: N802, ARG002
        """Mute a person."""
        check_key(request.idempotency_key)
        await self._keep_safe.mute(require_user(), request.user_id)
        return pb.MuteResponse()

    async def Unmute(self, request: pb.UnmuteRequest, context: Any) -> pb.UnmuteResponse:  # noqa: N802, ARG002
        """Mute a person no longer."""
        check_key(request.idempotency_key)
        await self._keep_safe.unmute(require_user(), request.user_id)
        return pb.UnmuteResponse()

    async def ListMuted(self, request: pb.ListMutedRequest, context: Any) -> pb.ListMutedResponse:  # noqa: N802, ARG002
        """The people whom the caller mutes, those who block the caller too."""
        profiles, token = await self._pages.page(
            request, "ListMuted", require_user(), self._safety.muted, even_of_blockers=True
        )
        return pb.ListMutedResponse(profiles=profiles, next_page_token=token)

    async def SetMutedWords(self, request: pb.SetMutedWordsRequest, context: Any) -> pb.SetMutedWordsResponse:  # noqa: N802, ARG002
        """Set the words that hide posts."""
        check_key(request.idempotency_key)
        words = await self._keep_safe.set_muted_words(require_user(), request.words)
        return pb.SetMutedWordsResponse(words=words)

    async def GetMutedWords(self, request: pb.GetMutedWordsRequest, context: Any) -> pb.GetMutedWordsResponse:  # noqa: N802, ARG002
        """The words that hide posts."""
        return pb.GetMutedWordsResponse(words=await self._keep_safe.muted_words(require_user()))
