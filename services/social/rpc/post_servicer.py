"""PostService: decode, use case, encode."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from daira.social.v1 import post_service_pb2 as pb
from daira.social.v1 import post_service_pb2_grpc
from services.chassis.context import require_user, viewer_id
from services.chassis.idempotency import body_hash, check_key
from services.social.adapters.post_codec import post_message
from services.social.application.pass_on import PassOnPosts
from services.social.application.records import IdempotentCall
from services.social.application.write_post import WritePosts


class PostServicer(post_service_pb2_grpc.PostServiceServicer):
    """Posts, and what people do with them."""

    def __init__(self, posts: WritePosts, passing_on: PassOnPosts) -> None:
        self._posts = posts
        self._passing_on = passing_on

    async def CreatePost(self, request: pb.CreatePostRequest, context: Any) -> pb.CreatePostResponse:  # noqa: N802, ARG002 - gRPC's
        """Publish a post."""
        call = IdempotentCall(check_key(request.idempotency_key), hash_of(request))
        post = await self._posts.create(require_user(), request.body, call, subscribers_only=request.subscribers_only)
        return pb.CreatePostResponse(post=post_message(post))

    async def DeletePost(self, request: pb.DeletePostRequest, context: Any) -> pb.DeletePostResponse:  # noqa: N802, ARG002
        """Delete one's own post."""
        check_key(request.idempotency_key)
        await self._posts.delete(require_user(), request.post_id)
        return pb.DeletePostResponse()

    async def GetPost(self, request: pb.GetPostRequest, context: Any) -> pb.GetPostResponse:  # noqa: N802, ARG002
        """One post."""
        return pb.GetPostResponse(post=post_message(await self._posts.read(viewer_id(), request.post_id)))

    async def LikePost(self, request: pb.LikePostRequest, context: Any) -> pb.LikePostResponse:  # noqa: N802, ARG002
        """Like a post."""
        check_key(request.idempotency_key)
        return pb.LikePostResponse(post=post_message(await self._posts.like(require_user(), request.post_id)))

    async def UnlikePost(self, request: pb.UnlikePostRequest, context: Any) -> pb.UnlikePostResponse:  # noqa: N802, ARG002
        """Take a like back."""
        check_key(request.idempotency_key)
        return pb.UnlikePostResponse(post=post_message(await self._posts.unlike(require_user(), request.post_id)))

    async def ReportPost(self, request: pb.ReportPostRequest, context: Any) -> pb.ReportPostResponse:  # noqa: N802, ARG002
        """Report a post of somebody else."""
        check_key(request.idempotency_key)
        await self._posts.report(require_user(), request.post_id)
        return pb.ReportPostResponse()

    async def Repost(self, request: pb.RepostRequest, context: Any) -> pb.RepostResponse:  # noqa: N802, ARG002
        """Pass a post on."""
        check_key(request.idempotency_key)
        return pb.RepostResponse(post=post_message(await self._passing_on.repost(require_user(), request.post_id)))

    async def UndoRepost(self, request: pb.UndoRepostRequest, context: Any) -> pb.UndoRepostResponse:  # noqa: N802, ARG002
        """No longer pass a post on."""
        check_key(request.idempotency_key)
        return pb.UndoRepostResponse(post=post_message(await self._passing_on.undo(require_user(), request.post_id)))


def hash_of(request: Message) -> bytes:
    """What stands for a request beside its key."""
    return body_hash(request.SerializeToString(deterministic=True))
