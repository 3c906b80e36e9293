"""GraphService: decode, use case, encode; pages of followers and of the people followed."""

from __future__ import annotations

from typing import Any

from daira.social.v1 import graph_service_pb2 as pb
from daira.social.v1 import graph_service_pb2_grpc
from daira.social.v1.profile_pb2 import Profile
from services.chassis.context import require_user, viewer_id
from services.chassis.idempotency import check_key
from services.social.adapters.post_codec import profile_message
from services.social.application.admit_followers import AdmitFollowers
from services.social.application.ports import FollowRequests, Graph
from services.social.application.profiles import ManageProfiles
from services.social.application.records import IdempotentCall
from services.social.rpc.people_pages import Pairs, PeoplePages, page_size
from services.social.rpc.post_servicer import hash_of


class GraphServicer(graph_service_pb2_grpc.GraphServiceServicer):
    """Who follows whom."""

    def __init__(
        self,
        profiles: ManageProfiles,
        admit: AdmitFollowers,
        graph: Graph,
        requests: FollowRequests,
        pages: PeoplePages,
    ) -> None:
        self._profiles = profiles
        self._admit = admit
        self._graph = graph
        self._requests = requests
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

    async def RemoveFollower(self, request: pb.RemoveFollowerRequest, context: Any) -> pb.RemoveFollowerResponse:  # noqa: N802, ARG002
        """End somebody's follow of the caller."""
        check_key(request.idempotency_key)
        await self._admit.remove(require_user(), request.follower_id)
        return pb.RemoveFollowerResponse()

    async def ListFollowRequests(  # noqa: N802 - gRPC's
        self,
        request: pb.ListFollowRequestsRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.ListFollowRequestsResponse:
        """The people who ask to follow the caller."""
        profiles, token = await self._pages.page(request, "ListFollowRequests", require_user(), self._requests.waiting)
        return pb.ListFollowRequestsResponse(profiles=profiles, next_page_token=token)

    async def AnswerFollowRequest(  # noqa: N802 - gRPC's
        self,
        request: pb.AnswerFollowRequestRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.AnswerFollowRequestResponse:
        """Accept or decline a request to follow the caller."""
        call = IdempotentCall(check_key(request.idempotency_key), hash_of(request))
        user = require_user()
        await self._admit.answer(user, request.follower_id, call, accept=request.accept)
        asker = await self._profiles.read(request.follower_id, user)
        return pb.AnswerFollowRequestResponse(profile=profile_message(asker))

    async def _page(
        self, request: pb.ListFollowersRequest | pb.ListFollowingRequest, method: str, pairs: Pairs
    ) -> tuple[list[Profile], str]:
        page_size(request.page_size)
        await self._profiles.read(request.user_id, viewer_id())
        return await self._pages.page(request, method, request.user_id, pairs)
