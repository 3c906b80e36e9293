"""GraphService: decode, use case, encode; pages of followers and of the people followed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from daira.social.v1 import graph_service_pb2 as pb
from daira.social.v1 import graph_service_pb2_grpc
from daira.social.v1.profile_pb2 import Profile
from services.chassis.context import require_user, viewer_id
from services.chassis.errors import invalid
from services.chassis.idempotency import check_key
from services.chassis.page_token import PageTokens
from services.social.adapters.post_codec import profile_message
from services.social.application.ports import Graph
from services.social.application.profiles import ManageProfiles

PAGE_DEFAULT: Final = 20
PAGE_MAX: Final = 100
Pairs = Callable[[int, "tuple[int, int] | None", int], Awaitable[list[tuple[int, int]]]]


class GraphServicer(graph_service_pb2_grpc.GraphServiceServicer):
    """Who follows whom."""

    def __init__(self, profiles: ManageProfiles, graph: Graph, tokens: PageTokens) -> None:
        self._profiles = profiles
        self._graph = graph
        self._tokens = tokens

    async def Follow(self, request: pb.FollowRequest, context: Any) -> pb.FollowResponse:  # noqa: N802, ARG002 - gRPC's
        """Follow a person."""
        check_key(request.idempotency_key)
        followed = await self._profiles.follow(require_user(), request.followee_id)
        return pb.FollowResponse(profile=profile_message(followed))

    async def Unfollow(self, request: pb.UnfollowRequest, context: Any) -> pb.UnfollowResponse:  # noqa: N802, ARG002
        """Unfollow a person."""
        check_key(request.idempotency_key)
        left = await self._profiles.unfollow(require_user(), request.followee_id)
        return pb.UnfollowResponse(profile=profile_message(left))

    async def ListFollowers(self, request: pb.ListFollowersRequest, context: Any) -> pb.ListFollowersResponse:  # noqa: N802, ARG002
        """The people who follow a person."""
        profiles, token = await self._page(request, "ListFollowers", self._graph.followers)
        return pb.ListFollowersResponse(profiles=profiles, next_page_token=token)

    async def ListFollowing(self, request: pb.ListFollowingRequest, context: Any) -> pb.ListFollowingResponse:  # noqa: N802, ARG002
        """The people whom a person follows."""
        profiles, token = await self._page(request, "ListFollowing", self._graph.following)
        return pb.ListFollowingResponse(profiles=profiles, next_page_token=token)

    async def _page(
        self, request: pb.ListFollowersRequest | pb.ListFollowingRequest, method: str, pairs: Pairs
    ) -> tuple[list[Profile], str]:
        size = page_size(request.page_size)
        await self._profiles.read(request.user_id, viewer_id())
        after = None
        if request.page_token:
            fields = self._tokens.open(request.page_token, method, viewer_id())
            if fields.get("of") != request.user_id:
                raise invalid("page_token", "belongs to another list", reason="PAGE_TOKEN_INVALID")
            after = int(fields["at"]), int(fields["id"])
        found = await pairs(request.user_id, after, size + 1)
        page = found[:size]
        profiles = await self._profiles.read_many([pair[1] for pair in page], viewer_id()) if page else []
        token = ""
        if len(found) > size:
            token = self._tokens.seal(
                method, viewer_id(), {"of": request.user_id, "at": page[-1][0], "id": page[-1][1]}
            )
        return [profile_message(profile) for profile in profiles], token


def page_size(asked: int) -> int:
    """The size of a page; AppError FIELD_INVALID outside 0 to 100, 0 meaning 20."""
    if not 0 <= asked <= PAGE_MAX:
        raise invalid("page_size", f"must be 0 to {PAGE_MAX}")
    return asked or PAGE_DEFAULT
