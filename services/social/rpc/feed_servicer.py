"""FeedService: page tokens in and out, answers as bytes."""

from __future__ import annotations

from typing import Any, Final

import grpc

from daira.social.v1 import feed_service_pb2 as pb
from services.chassis.context import require_user, viewer_id
from services.chassis.errors import AppError, invalid
from services.chassis.ids import MAX_ID
from services.chassis.page_token import PageTokens
from services.social.application.feed.author_timeline import AuthorTimeline
from services.social.application.feed.home_feed import HomeFeed
from services.social.application.feed.position import Mode, Position
from services.social.rpc.feed_answers import author_timeline_answer, home_feed_answer
from services.social.rpc.graph_servicer import page_size

_HOME: Final = "GetHomeFeed"
_AUTHOR: Final = "GetAuthorTimeline"


class FeedServicer:
    """Feeds: the viewer's home, and one author's timeline. Answers are serialised already."""

    def __init__(self, home: HomeFeed, author: AuthorTimeline, tokens: PageTokens) -> None:
        self._home = home
        self._author = author
        self._tokens = tokens

    async def get_home_feed(self, request: pb.GetHomeFeedRequest, context: Any) -> bytes:  # noqa: ARG002 - gRPC's
        """A page of the caller's home feed."""
        viewer = require_user()
        mode = _mode(request.mode)
        position = self._position(request.page_token, viewer, mode) if request.page_token else None
        page = await self._home.page(viewer, mode, page_size(request.page_size), position)
        return home_feed_answer(page, self._token(page.position, viewer) if page.position else "")

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

    def _position(self, token: str, viewer: int, mode: Mode) -> Position:
        fields = self._tokens.open(token, _HOME, viewer)
        if fields.get("mode") != int(mode):
            raise _wrong_mode()
        return Position(
            mode,
            ranked_at_ms=int(fields["at"]),
            nonce=int(fields["nonce"]),
            offset=int(fields["offset"]),
            ceiling=int(fields["ceiling"]),
            before=int(fields["before"]),
            in_archive=bool(fields["archive"]),
        )

    def _token(self, position: Position, viewer: int) -> str:
        fields: dict[str, int | str] = {
            "mode": int(position.mode),
            "at": position.ranked_at_ms,
            "nonce": position.nonce,
            "offset": position.offset,
            "ceiling": position.ceiling,
            "before": position.before,
            "archive": int(position.in_archive),
        }
        return self._tokens.seal(_HOME, viewer, fields)


def add_feed_servicer(servicer: FeedServicer, server: grpc.aio.Server) -> None:
    """What the generated adder does, but for serialising the answers."""
    service = pb.DESCRIPTOR.services_by_name["FeedService"].full_name
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        _HOME: grpc.unary_unary_rpc_method_handler(
            servicer.get_home_feed, request_deserializer=pb.GetHomeFeedRequest.FromString
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


def _wrong_mode() -> AppError:
    return invalid("page_token", "belongs to the other mode", reason="PAGE_TOKEN_INVALID")
