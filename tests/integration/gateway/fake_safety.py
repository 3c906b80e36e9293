"""What the fake social answers to those who keep people away: blocks, mutes, muted words, requests to follow."""

from __future__ import annotations

from typing import Any

import grpc.aio

from daira.social.v1 import graph_service_pb2, safety_service_pb2
from tests.integration.gateway.fake_world import Fault, World, page


class SafetyHandlers:
    """One coroutine a method, named as the method; the World decides. All are called alike, whatever they need."""

    # ruff: noqa: ARG002

    def __init__(self, world: World) -> None:
        self.world = world

    async def remove_follower(self, request: Any, user: int) -> Any:
        return graph_service_pb2.RemoveFollowerResponse()

    async def list_follow_requests(self, request: Any, user: int) -> Any:
        items, token = page(list(self.world.profiles.values()), request.page_size, request.page_token)
        return graph_service_pb2.ListFollowRequestsResponse(profiles=items, next_page_token=token)

    async def answer_follow_request(self, request: Any, user: int) -> Any:
        if request.follower_id not in self.world.profiles:
            return Fault(grpc.StatusCode.NOT_FOUND, "nobody asks", "FOLLOW_REQUEST_NOT_FOUND")
        return graph_service_pb2.AnswerFollowRequestResponse(profile=self.world.profiles[request.follower_id])

    async def block(self, request: Any, user: int) -> Any:
        if request.user_id not in self.world.profiles:
            return Fault(grpc.StatusCode.NOT_FOUND, "profile not found", "PROFILE_NOT_FOUND")
        return safety_service_pb2.BlockResponse()

    async def unblock(self, request: Any, user: int) -> Any:
        return safety_service_pb2.UnblockResponse()

    async def list_blocked(self, request: Any, user: int) -> Any:
        items, token = page(list(self.world.profiles.values()), request.page_size, request.page_token)
        return safety_service_pb2.ListBlockedResponse(profiles=items, next_page_token=token)

    async def mute(self, request: Any, user: int) -> Any:
        return safety_service_pb2.MuteResponse()

    async def unmute(self, request: Any, user: int) -> Any:
        return safety_service_pb2.UnmuteResponse()

    async def list_muted(self, request: Any, user: int) -> Any:
        items, token = page(list(self.world.profiles.values()), request.page_size, request.page_token)
        return safety_service_pb2.ListMutedResponse(profiles=items, next_page_token=token)

    async def set_muted_words(self, request: Any, user: int) -> Any:
        for place, word in enumerate(request.words):
            if not word.strip():
                wrong = (f"words[{place}]", "must not be empty")
                return Fault(grpc.StatusCode.INVALID_ARGUMENT, ": ".join(wrong), "FIELD_INVALID", violations=(wrong,))
        self.world.muted_words = list(request.words)
        return safety_service_pb2.SetMutedWordsResponse(words=self.world.muted_words)

    async def get_muted_words(self, request: Any, user: int) -> Any:
        return safety_service_pb2.GetMutedWordsResponse(words=self.world.muted_words)
