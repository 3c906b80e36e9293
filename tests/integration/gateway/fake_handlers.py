"""What the fake services answer: one coroutine a method; the World decides."""

from __future__ import annotations

from typing import Any

import grpc.aio

from daira.analytics.v1 import analytics_service_pb2
from daira.auth.v1 import auth_service_pb2
from daira.payments.v1 import payments_service_pb2, refund_service_pb2, statement_service_pb2
from daira.social.v1 import (
    feed_service_pb2,
    graph_service_pb2,
    post_pb2,
    post_service_pb2,
    profile_pb2,
    profile_service_pb2,
    safety_service_pb2,
)
from tests.integration.gateway.fake_world import AHMED, MONA, STRANGER, Fault, World, moment, page, tokens


class Handlers:
    """One coroutine a method, named as the method; the World decides. All are called alike, whatever they need."""

    # ruff: noqa: ARG002

    def __init__(self, world: World) -> None:
        self.world = world

    async def register(self, request: Any, user: int) -> Any:
        return auth_service_pb2.RegisterResponse(user_id=STRANGER, tokens=tokens(STRANGER))

    async def sign_in(self, request: Any, user: int) -> Any:
        return auth_service_pb2.SignInResponse(user_id=AHMED, tokens=tokens(AHMED))

    async def refresh_tokens(self, request: Any, user: int) -> Any:
        return auth_service_pb2.RefreshTokensResponse(tokens=tokens(AHMED))

    async def sign_out(self, request: Any, user: int) -> Any:
        return auth_service_pb2.SignOutResponse()

    async def get_account(self, request: Any, user: int) -> Any:
        return auth_service_pb2.GetAccountResponse(user_id=user, masked_phone="+2010*****67", created_at=moment())

    async def create_profile(self, request: Any, user: int) -> Any:
        made = profile_pb2.Profile(
            user_id=user, handle=request.handle, display_name=request.display_name, bio=request.bio, created_at=moment()
        )
        self.world.profiles[user] = made
        return profile_service_pb2.CreateProfileResponse(profile=made)

    async def update_profile(self, request: Any, user: int) -> Any:
        profile = self.world.profiles[user]
        if request.HasField("display_name"):
            profile.display_name = request.display_name
        if request.HasField("bio"):
            profile.bio = request.bio
        if request.HasField("is_private"):
            profile.is_private = request.is_private
        return profile_service_pb2.UpdateProfileResponse(profile=profile)

    async def get_profile(self, request: Any, user: int) -> Any:
        for profile in self.world.profiles.values():
            if request.user_id == profile.user_id or request.handle == profile.handle:
                return profile_service_pb2.GetProfileResponse(profile=profile)
        return Fault(grpc.StatusCode.NOT_FOUND, "profile not found", "PROFILE_NOT_FOUND")

    async def batch_get_profiles(self, request: Any, user: int) -> Any:
        found = [self.world.profiles[each] for each in request.user_ids if each in self.world.profiles]
        return profile_service_pb2.BatchGetProfilesResponse(profiles=found)

    async def follow(self, request: Any, user: int) -> Any:
        return graph_service_pb2.FollowResponse(profile=self.world.profiles[request.followee_id])

    async def unfollow(self, request: Any, user: int) -> Any:
        return graph_service_pb2.UnfollowResponse(profile=self.world.profiles[request.followee_id])

    async def list_followers(self, request: Any, user: int) -> Any:
        items, token = page(list(self.world.profiles.values()), request.page_size, request.page_token)
        return graph_service_pb2.ListFollowersResponse(profiles=items, next_page_token=token)

    async def list_following(self, request: Any, user: int) -> Any:
        items, token = page(list(self.world.profiles.values()), request.page_size, request.page_token)
        return graph_service_pb2.ListFollowingResponse(profiles=items, next_page_token=token)

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

    async def create_post(self, request: Any, user: int) -> Any:
        return post_service_pb2.CreatePostResponse(post=self.world.add_post(6000, user, request.body))

    async def delete_post(self, request: Any, user: int) -> Any:
        self.world.posts.pop(request.post_id, None)
        return post_service_pb2.DeletePostResponse()

    async def get_post(self, request: Any, user: int) -> Any:
        if request.post_id not in self.world.posts:
            return Fault(grpc.StatusCode.NOT_FOUND, "post not found", "POST_NOT_FOUND")
        return post_service_pb2.GetPostResponse(post=self.world.posts[request.post_id])

    async def like_post(self, request: Any, user: int) -> Any:
        if request.post_id not in self.world.posts:
            return Fault(grpc.StatusCode.NOT_FOUND, "post not found", "POST_NOT_FOUND")
        liked = post_pb2.Post()
        liked.CopyFrom(self.world.posts[request.post_id])
        liked.viewer_likes = True
        return post_service_pb2.LikePostResponse(post=liked)

    async def unlike_post(self, request: Any, user: int) -> Any:
        return post_service_pb2.UnlikePostResponse(post=self.world.posts[request.post_id])

    async def repost(self, request: Any, user: int) -> Any:
        if request.post_id not in self.world.posts:
            return Fault(grpc.StatusCode.NOT_FOUND, "post not found", "POST_NOT_FOUND")
        passed_on = post_pb2.Post()
        passed_on.CopyFrom(self.world.posts[request.post_id])
        passed_on.viewer_reposted, passed_on.reposts_count = True, 7
        return post_service_pb2.RepostResponse(post=passed_on)

    async def undo_repost(self, request: Any, user: int) -> Any:
        return post_service_pb2.UndoRepostResponse(post=self.world.posts[request.post_id])

    async def record_feedback(self, request: Any, user: int) -> Any:
        if len(request.items) > 100:
            wrong = ("items", "must be 1 to 100")
            return Fault(grpc.StatusCode.INVALID_ARGUMENT, ": ".join(wrong), "FIELD_INVALID", violations=(wrong,))
        return feed_service_pb2.RecordFeedbackResponse()

    async def report_post(self, request: Any, user: int) -> Any:
        return post_service_pb2.ReportPostResponse()

    async def get_home_feed(self, request: Any, user: int) -> Any:
        posts, token = page(list(self.world.posts.values()), request.page_size, request.page_token)
        items = [feed_service_pb2.FeedItem(post=post, source=feed_service_pb2.FEED_SOURCE_INBOX) for post in posts]
        if request.mode != feed_service_pb2.FEED_MODE_LATEST:
            for item in items:
                item.ranking.CopyFrom(
                    feed_service_pb2.Ranking(
                        affinity=0.5, quality=0.25, freshness=1, diversity=0.5, negative=0.1, score=0.4225
                    )
                )
        return feed_service_pb2.GetHomeFeedResponse(items=items, next_page_token=token, ranked_at=moment())

    async def get_author_timeline(self, request: Any, user: int) -> Any:
        if request.author_id not in self.world.profiles:
            return Fault(grpc.StatusCode.NOT_FOUND, "profile not found", "PROFILE_NOT_FOUND")
        mine = [post for post in self.world.posts.values() if post.author.user_id == request.author_id]
        posts, token = page(mine, request.page_size, request.page_token)
        return feed_service_pb2.GetAuthorTimelineResponse(posts=posts, next_page_token=token)

    async def get_wallet(self, request: Any, user: int) -> Any:
        return payments_service_pb2.GetWalletResponse(wallet=self._wallet(user))

    async def top_up(self, request: Any, user: int) -> Any:
        return payments_service_pb2.TopUpResponse(
            top_up_id=8001, state=self.world.top_up_state, wallet=self._wallet(user)
        )

    async def send_tip(self, request: Any, user: int) -> Any:
        amount = request.amount_piastres
        return payments_service_pb2.SendTipResponse(
            transfer_id=9001, amount_piastres=amount, fee_piastres=amount // 10, vat_piastres=amount // 100,
            received_piastres=amount - amount // 10 - amount // 100, wallet=self._wallet(user),
        )  # fmt: skip

    async def get_debt(self, request: Any, user: int) -> Any:
        return refund_service_pb2.GetDebtResponse(owed_piastres=4_310)

    async def refund_tip(self, request: Any, user: int) -> Any:
        amount = request.amount_piastres or 1_000
        return refund_service_pb2.RefundTipResponse(refund=refund_service_pb2.Refund(
            refund_id=9_002, transfer_id=request.transfer_id, amount_piastres=amount, fee_piastres=amount // 20,
            owed_piastres=10,
        ))  # fmt: skip

    async def list_wallet_entries(self, request: Any, user: int) -> Any:
        entries = [
            payments_service_pb2.WalletEntry(
                entry_id=700 + index, transfer_id=800 + index, kind=payments_service_pb2.WALLET_ENTRY_KIND_TIP_SENT,
                amount_piastres=-2**40 - index, balance_after_piastres=2**53 + 1, posted_at=moment(index),
                counterparty_id=(MONA, 0, STRANGER)[index % 3],
            )
            for index in range(6)
        ]  # fmt: skip
        items, token = page(entries, request.page_size, request.page_token)
        return payments_service_pb2.ListWalletEntriesResponse(entries=items, next_page_token=token)

    async def get_wallet_statement(self, request: Any, user: int) -> Any:
        lines = [
            statement_service_pb2.StatementLine(
                entry=payments_service_pb2.WalletEntry(
                    entry_id=700 + index, transfer_id=800 + index, kind=payments_service_pb2.WALLET_ENTRY_KIND_PAYOUT,
                    amount_piastres=-100, balance_after_piastres=900 - 100 * index, posted_at=moment(index),
                ),
                whole_piastres=100, reverses_transfer_id=index, number=index + 1,
            )
            for index in range(3)
        ]  # fmt: skip
        items, token = page(lines, request.page_size, request.page_token)
        response = statement_service_pb2.GetWalletStatementResponse(
            lines=items, next_page_token=token, opening_balance_piastres=1_000, closing_balance_piastres=700,
            to=request.to,
        )  # fmt: skip
        getattr(response, "from").CopyFrom(getattr(request, "from"))
        return response

    async def get_author_stats(self, request: Any, user: int) -> Any:
        figures = analytics_service_pb2.AuthorFigures(posts=2, likes=2**40, followers=-3, tips=1, tips_piastres=8900)
        days = [
            analytics_service_pb2.AuthorDay(day=f"2026-11-{day:02d}", figures=figures)
            for day in range(1, request.days + 1)
        ]
        return analytics_service_pb2.GetAuthorStatsResponse(total=figures, days=days, counted_until=moment())

    def _wallet(self, user: int) -> Any:
        return payments_service_pb2.Wallet(user_id=user, balance_piastres=self.world.balance)
