"""A signed-in person who calls social."""

from __future__ import annotations

import itertools
from collections.abc import Collection

from daira.social.v1 import feed_service_pb2 as feed_pb
from daira.social.v1 import graph_service_pb2 as graph_pb
from daira.social.v1 import post_pb2, profile_pb2
from daira.social.v1 import post_service_pb2 as post_pb
from daira.social.v1 import profile_service_pb2 as profile_pb
from daira.social.v1 import safety_service_pb2 as safety_pb
from tests.integration.social.server import Social, next_user


class Person:
    """One account; `signs_up` gives it a profile."""

    def __init__(self, social: Social, user_id: int | None = None) -> None:
        self.social = social
        self.user_id = user_id or next_user()
        self.handle = f"user_{self.user_id}"
        self.metadata = social.signer.bearer(self.user_id)
        self._keys = itertools.count()

    @classmethod
    async def signs_up(cls, social: Social) -> Person:
        person = cls(social)
        await person.makes_profile(person.handle)
        return person

    async def makes_profile(self, handle: str, name: str = "سارة", bio: str = "") -> profile_pb2.Profile:
        request = profile_pb.CreateProfileRequest(handle=handle, display_name=name, bio=bio)
        answer: profile_pb.CreateProfileResponse = await self.social.stubs.profiles.CreateProfile(
            request, metadata=self.metadata
        )
        return answer.profile

    async def profile_of(self, user_id: int) -> profile_pb2.Profile:
        request = profile_pb.GetProfileRequest(user_id=user_id)
        answer: profile_pb.GetProfileResponse = await self.social.stubs.profiles.GetProfile(
            request, metadata=self.metadata
        )
        return answer.profile

    async def follows(self, other: Person) -> profile_pb2.Profile:
        request = graph_pb.FollowRequest(followee_id=other.user_id, idempotency_key=self.key())
        answer: graph_pb.FollowResponse = await self.social.stubs.graph.Follow(request, metadata=self.metadata)
        return answer.profile

    async def unfollows(self, other: Person) -> profile_pb2.Profile:
        request = graph_pb.UnfollowRequest(followee_id=other.user_id, idempotency_key=self.key())
        answer: graph_pb.UnfollowResponse = await self.social.stubs.graph.Unfollow(request, metadata=self.metadata)
        return answer.profile

    async def goes(self, *, private: bool) -> profile_pb2.Profile:
        request = profile_pb.UpdateProfileRequest(is_private=private)
        answer: profile_pb.UpdateProfileResponse = await self.social.stubs.profiles.UpdateProfile(
            request, metadata=self.metadata
        )
        return answer.profile

    async def answers(self, other: Person, *, accept: bool, key: str | None = None) -> profile_pb2.Profile:
        request = graph_pb.AnswerFollowRequestRequest(
            follower_id=other.user_id, accept=accept, idempotency_key=self.key() if key is None else key
        )
        answer: graph_pb.AnswerFollowRequestResponse = await self.social.stubs.graph.AnswerFollowRequest(
            request, metadata=self.metadata
        )
        return answer.profile

    async def sends_away(self, other: Person) -> None:
        request = graph_pb.RemoveFollowerRequest(follower_id=other.user_id, idempotency_key=self.key())
        await self.social.stubs.graph.RemoveFollower(request, metadata=self.metadata)

    async def blocks(self, other: Person) -> None:
        request = safety_pb.BlockRequest(user_id=other.user_id, idempotency_key=self.key())
        await self.social.stubs.safety.Block(request, metadata=self.metadata)

    async def unblocks(self, other: Person) -> None:
        request = safety_pb.UnblockRequest(user_id=other.user_id, idempotency_key=self.key())
        await self.social.stubs.safety.Unblock(request, metadata=self.metadata)

    async def mutes(self, other: Person) -> None:
        request = safety_pb.MuteRequest(user_id=other.user_id, idempotency_key=self.key())
        await self.social.stubs.safety.Mute(request, metadata=self.metadata)

    async def unmutes(self, other: Person) -> None:
        request = safety_pb.UnmuteRequest(user_id=other.user_id, idempotency_key=self.key())
        await self.social.stubs.safety.Unmute(request, metadata=self.metadata)

    async def mutes_words(self, *words: str) -> list[str]:
        request = safety_pb.SetMutedWordsRequest(words=words, idempotency_key=self.key())
        answer: safety_pb.SetMutedWordsResponse = await self.social.stubs.safety.SetMutedWords(
            request, metadata=self.metadata
        )
        return list(answer.words)

    async def posts(self, body: str, key: str | None = None) -> post_pb2.Post:
        request = post_pb.CreatePostRequest(body=body, idempotency_key=self.key() if key is None else key)
        answer: post_pb.CreatePostResponse = await self.social.stubs.posts.CreatePost(request, metadata=self.metadata)
        return answer.post

    async def deletes(self, post_id: int) -> None:
        request = post_pb.DeletePostRequest(post_id=post_id, idempotency_key=self.key())
        await self.social.stubs.posts.DeletePost(request, metadata=self.metadata)

    async def reads(self, post_id: int) -> post_pb2.Post:
        request = post_pb.GetPostRequest(post_id=post_id)
        answer: post_pb.GetPostResponse = await self.social.stubs.posts.GetPost(request, metadata=self.metadata)
        return answer.post

    async def likes(self, post_id: int) -> post_pb2.Post:
        request = post_pb.LikePostRequest(post_id=post_id, idempotency_key=self.key())
        answer: post_pb.LikePostResponse = await self.social.stubs.posts.LikePost(request, metadata=self.metadata)
        return answer.post

    async def unlikes(self, post_id: int) -> post_pb2.Post:
        request = post_pb.UnlikePostRequest(post_id=post_id, idempotency_key=self.key())
        answer: post_pb.UnlikePostResponse = await self.social.stubs.posts.UnlikePost(request, metadata=self.metadata)
        return answer.post

    async def reposts(self, post_id: int) -> post_pb2.Post:
        request = post_pb.RepostRequest(post_id=post_id, idempotency_key=self.key())
        answer: post_pb.RepostResponse = await self.social.stubs.posts.Repost(request, metadata=self.metadata)
        return answer.post

    async def undoes_repost(self, post_id: int) -> post_pb2.Post:
        request = post_pb.UndoRepostRequest(post_id=post_id, idempotency_key=self.key())
        answer: post_pb.UndoRepostResponse = await self.social.stubs.posts.UndoRepost(request, metadata=self.metadata)
        return answer.post

    async def reports(self, post_id: int) -> None:
        request = post_pb.ReportPostRequest(post_id=post_id, idempotency_key=self.key())
        await self.social.stubs.posts.ReportPost(request, metadata=self.metadata)

    async def saw(self, *post_ids: int, opened: Collection[int] = (), key: str | None = None) -> None:
        """Sends feedback: saw the posts, and opened some of them."""
        items = [feed_pb.PostFeedback(post_id=post_id, opened=post_id in opened) for post_id in post_ids]
        request = feed_pb.RecordFeedbackRequest(items=items, idempotency_key=self.key() if key is None else key)
        await self.social.stubs.feeds.RecordFeedback(request, metadata=self.metadata)

    async def timeline_of(self, author: Person) -> list[int]:
        """Ids of the first page of an author's timeline, newest first."""
        request = feed_pb.GetAuthorTimelineRequest(author_id=author.user_id, page_size=100)
        answer: feed_pb.GetAuthorTimelineResponse = await self.social.stubs.feeds.GetAuthorTimeline(
            request, metadata=self.metadata
        )
        return [post.post_id for post in answer.posts]

    async def latest(self, page_size: int = 100) -> list[int]:
        """Ids of the first page of the home feed, newest first."""
        request = feed_pb.GetHomeFeedRequest(mode=feed_pb.FEED_MODE_LATEST, page_size=page_size)
        answer: feed_pb.GetHomeFeedResponse = await self.social.stubs.feeds.GetHomeFeed(request, metadata=self.metadata)
        return [item.post.post_id for item in answer.items]

    def key(self) -> str:
        return f"key-{next(self._keys)}"
