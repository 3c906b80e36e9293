"""FeedService: page tokens in and out, answers as bytes, news as a stream, feedback in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import grpc

from daira.social.v1 import feed_service_pb2 as pb
from services.chassis.context import current, require_user, viewer_id
from services.chassis.errors import AppError, ErrorKind, FieldViolation, invalid, invalid_fields
from services.chassis.idempotency import check_key
from services.chassis.ids import MAX_ID
from services.chassis.page_token import PageTokens
from services.social.application.feed.author_timeline import AuthorTimeline
from services.social.application.feed.home_feed import HomeFeed
from services.social.application.feed.news import FeedNews
from services.social.application.feed.position import Mode
from services.social.application.record_feedback import RecordFeedback
from services.social.application.records import IdempotentCall
from services.social.rpc.feed_answers import author_timeline_answer, home_feed_answer
from services.social.rpc.feed_positions import FeedPositions
from services.social.rpc.people_pages import page_size
from services.social.rpc.post_servicer import hash_of

_HOME: Final = "GetHomeFeed"
_WATCH: Final = "WatchHomeFeed"
_FEEDBACK: Final = "RecordFeedback"
_AUTHOR: Final = "GetAuthorTimeline"
_ITEMS_MAX: Final = 100
# A reader whose buffers are full for so long is gone or asleep.
_WRITE_PATIENCE_S: Final = 10.0


class FeedServicer:
    """Feeds: the viewer's home, and one author's timeline. Their answers are serialised already."""

    def __init__(
        self, home: HomeFeed, author: AuthorTimeline, news: FeedNews, feedback: RecordFeedback, tokens: PageTokens
    ) -> None:
        self._home = home
        self._author = author
        self._news = news
        self._feedback = feedback
        self._tokens = tokens
        self._positions = FeedPositions(tokens)

    async def get_home_feed(self, request: pb.GetHomeFeedRequest, context: Any) -> bytes:  # noqa: ARG002 - gRPC's
        """A page of the caller's home feed."""
        viewer = require_user()
        mode = _mode(request.mode)
        position = self._positions.open(request.page_token, viewer, mode) if request.page_token else None
        page = await self._home.page(viewer, mode, page_size(request.page_size), position)
        return home_feed_answer(page, mode, self._positions.seal(page.position, viewer) if page.position else "")

    async def get_author_timeline(self, request: pb.GetAuthorTimelineRequest, context: Any) -> bytes:  # noqa: ARG002
        """A page of one author's posts."""
        viewer, before = viewer_id(), MAX_ID
        if request.page_token:
            fields = self._tokens.open(request.page_token, _AUTHOR, viewer)
            if fields.get("of") != request.author_id:
                raise invalid("page_token", "belongs to another author", reason="PAGE_TOKEN_INVALID")
            before = int(fields["before"])
        posts, after, degraded = await self._author.page(
            request.author_id, viewer, page_size(request.page_size), before
        )
        token = self._tokens.seal(_AUTHOR, viewer, {"of": request.author_id, "before": after}) if after else ""
        return author_timeline_answer(posts, token, degraded=degraded)

    async def record_feedback(self, request: pb.RecordFeedbackRequest, context: Any) -> pb.RecordFeedbackResponse:  # noqa: ARG002
        """Take in what the caller saw and opened."""
        call = IdempotentCall(check_key(request.idempotency_key), hash_of(request))
        await self._feedback.record(require_user(), _feedback(request.items), call)
        return pb.RecordFeedbackResponse()

    async def watch_home_feed(self, request: pb.WatchHomeFeedRequest, context: Any) -> None:
        """Tell how many newer posts there are, until the caller goes away or reads no more."""
        viewer = require_user()
        if not 0 <= request.newer_than <= MAX_ID:
            raise invalid("newer_than", "is no id of a post")
        call = current()
        async for count in self._news.counts(viewer, request.newer_than):
            # The stream may outlive the session that opened it.
            call.recheck()
            try:
                async with asyncio.timeout(_WRITE_PATIENCE_S):
                    await context.write(pb.WatchHomeFeedResponse(newer_count=count))
            except TimeoutError:
                raise AppError(ErrorKind.RESOURCE_EXHAUSTED, "OVERLOADED", "nobody reads this stream") from None


def add_feed_servicer(servicer: FeedServicer, server: grpc.aio.Server) -> None:
    """What the generated adder does, but for serialising the answers."""
    service = pb.DESCRIPTOR.services_by_name["FeedService"].full_name
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        _HOME: grpc.unary_unary_rpc_method_handler(
            servicer.get_home_feed, request_deserializer=pb.GetHomeFeedRequest.FromString
        ),
        _WATCH: grpc.unary_stream_rpc_method_handler(
            servicer.watch_home_feed,
            request_deserializer=pb.WatchHomeFeedRequest.FromString,
            response_serializer=pb.WatchHomeFeedResponse.SerializeToString,
        ),
        _FEEDBACK: grpc.unary_unary_rpc_method_handler(
            servicer.record_feedback,
            request_deserializer=pb.RecordFeedbackRequest.FromString,
            response_serializer=pb.RecordFeedbackResponse.SerializeToString,
        ),
        _AUTHOR: grpc.unary_unary_rpc_method_handler(
            servicer.get_author_timeline, request_deserializer=pb.GetAuthorTimelineRequest.FromString
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))


def _feedback(items: Sequence[pb.PostFeedback]) -> dict[int, bool]:
    """By the post's id, whether it was opened."""
    if not 1 <= len(items) <= _ITEMS_MAX:
        raise invalid("items", f"must be 1 to {_ITEMS_MAX}")
    wrong = tuple(
        FieldViolation(f"items[{index}].post_id", "is no id of a post")
        for index, item in enumerate(items)
        if not 0 < item.post_id <= MAX_ID
    )
    if wrong:
        raise invalid_fields(wrong)
    opened: dict[int, bool] = {}
    for item in items:
        opened[item.post_id] = opened.get(item.post_id, False) or item.opened
    return opened


def _mode(asked: int) -> Mode:
    try:
        return Mode(asked) if asked else Mode.RANKED
    except ValueError as error:
        raise invalid("mode", "must be RANKED or LATEST") from error
