"""GraphService: decode, use case, encode; pages of followers and of the people followed."""

from __future__ import annotations

from typing import Any

from daira.social.v1 import graph_service_pb2 as pb
from daira.social.v1 import graph_service_pb2_grpc
from daira.social.v1.profile_pb2 import Profile
from services.chassis.context import require_user, viewer_id
from services.chassis.idempotency import check_key
from services.social.adapters.post_codec import profile_message
from services.social.application.ports import Graph
from services.social.application.profiles import ManageProfiles
from services.social.rpc.people_pages import Pairs, PeoplePages, page_size


class GraphServicer(graph_service_pb2_grpc.GraphServiceServicer):
    """Who follows whom."""

    def __init__(self, profiles: ManageProfiles, graph: Graph, pages: PeoplePages) -> None:
        self._profiles = profiles
        self._graph = graph
        self._pages = pages

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
        page_size(request.page_size)
        await self._profiles.read(request.user_id, viewer_id())
        return await self._pages.page(request, method, request.user_id, pairs)
