"""FeedService: page tokens in and out, answers as bytes, news as a stream."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import grpc

from daira.social.v1 import feed_service_pb2 as pb
from services.chassis.context import require_user, viewer_id
from services.chassis.errors import AppError, ErrorKind, invalid
from services.chassis.ids import MAX_ID
from services.chassis.page_token import PageTokens
from services.social.application.feed.author_timeline import AuthorTimeline
from services.social.application.feed.home_feed import HomeFeed
from services.social.application.feed.news import FeedNews
from services.social.application.feed.position import Mode
from services.social.rpc.feed_answers import author_timeline_answer, home_feed_answer
from services.social.rpc.feed_positions import FeedPositions
from services.social.rpc.people_pages import page_size

_HOME: Final = "GetHomeFeed"
_WATCH: Final = "WatchHomeFeed"
_AUTHOR: Final = "GetAuthorTimeline"
# A reader whose buffers are full for so long is gone or asleep.
_WRITE_PATIENCE_S: Final = 10.0


class FeedServicer:
    """Feeds: the viewer's home, and one author's timeline. Answers are serialised already."""

    def __init__(self, home: HomeFeed, author: AuthorTimeline, news: FeedNews, tokens: PageTokens) -> None:
        self._home = home
        self._author = author
        self._news = news
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

    async def watch_home_feed(self, request: pb.WatchHomeFeedRequest, context: Any) -> None:
        """Tell how many newer posts there are, until the caller goes away or reads no more."""
        viewer = require_user()
        if not 0 <= request.newer_than <= MAX_ID:
            raise invalid("newer_than", "is no id of a post")
        async for count in self._news.counts(viewer, request.newer_than):
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
        _AUTHOR: grpc.unary_unary_rpc_method_handler(
            servicer.get_author_timeline, request_deserializer=pb.GetAuthorTimelineRequest.FromString
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))


def _mode(asked: int) -> Mode:
    try:
        return Mode(asked) if asked else Mode.RANKED
    except ValueError as error:
        raise invalid("mode", "must be RANKED or LATEST") from error
