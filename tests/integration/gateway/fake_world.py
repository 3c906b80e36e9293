"""What the fake services know, what they were asked, and what goes wrong with them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
from google.protobuf import any_pb2, duration_pb2, timestamp_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2  # type: ignore[import-untyped]

from daira.auth.v1 import auth_service_pb2
from daira.payments.v1 import payments_service_pb2
from daira.social.v1 import post_pb2, profile_pb2

DETAILS_KEY = "grpc-status-details-bin"
AHMED, MONA, STRANGER = 1001, 1002, 1003
BODIES = ("صباح الخير يا مصر", "Good morning, Cairo", "كم الساعة؟ What time is it?")


@dataclass
class Fault:
    """What a method does instead of answering."""

    code: grpc.StatusCode
    message: str = "boom: connection to 10.1.2.3:5432 refused"
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    violations: tuple[tuple[str, str], ...] = ()
    retry_after_ms: int | None = None
    domain: str = "daira"

    async def abort(self, context: Any) -> None:
        details = []
        if self.reason:
            details.append(error_details_pb2.ErrorInfo(reason=self.reason, domain=self.domain, metadata=self.metadata))
        if self.violations:
            found = [error_details_pb2.BadRequest.FieldViolation(field=f, description=d) for f, d in self.violations]
            details.append(error_details_pb2.BadRequest(field_violations=found))
        if self.retry_after_ms is not None:
            delay = duration_pb2.Duration()
            delay.FromMilliseconds(self.retry_after_ms)
            details.append(error_details_pb2.RetryInfo(retry_delay=delay))
        trailing: tuple[tuple[str, bytes], ...] = ()
        if details:
            status = status_pb2.Status(code=code_pb2.Code.Value(self.code.name), message=self.message)
            for detail in details:
                packed = any_pb2.Any()
                packed.Pack(detail)
                status.details.append(packed)
            trailing = ((DETAILS_KEY, status.SerializeToString()),)
        await context.abort(self.code, self.message, trailing)


@dataclass
class Seen:
    """One call that arrived."""

    method: str
    request: Any
    metadata: dict[str, str]
    remaining_s: float | None


@dataclass
class World:
    """What the fakes know, what they were asked, and what goes wrong."""

    seen: list[Seen] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    hang: set[str] = field(default_factory=set)
    cancelled: list[str] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    profiles: dict[int, profile_pb2.Profile] = field(default_factory=dict)
    posts: dict[int, post_pb2.Post] = field(default_factory=dict)
    top_up_state: Any = payments_service_pb2.TOP_UP_STATE_SUCCEEDED
    balance: int = 123_450
    # Of WatchHomeFeed: counts to tell, or how the stream ends.
    news: asyncio.Queue[int | Fault | None] = field(default_factory=asyncio.Queue)
    muted_words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for user, handle, name in ((AHMED, "ahmed", "أحمد"), (MONA, "mona", "منى")):
            self.profiles[user] = profile_pb2.Profile(
                user_id=user, handle=handle, display_name=name, followers_count=7, following_count=3, posts_count=2,
                created_at=moment(), viewer_follows=user == MONA,
            )  # fmt: skip
        for index in range(30):
            self.add_post(5000 + index, MONA, BODIES[index % len(BODIES)])

    def add_post(self, post_id: int, author: int, body: str) -> post_pb2.Post:
        whole = self.profiles[author]
        excerpt = profile_pb2.Profile(
            user_id=author, handle=whole.handle, display_name=whole.display_name, created_at=whole.created_at
        )
        post = post_pb2.Post(
            post_id=post_id, author=excerpt, body=body, language="ar", kind=post_pb2.POST_KIND_TEXT,
            created_at=moment(post_id), likes_count=post_id % 10,
        )  # fmt: skip
        self.posts[post_id] = post
        return post

    def methods(self) -> list[str]:
        return [call.method for call in self.seen]


def moment(seconds: int = 0) -> timestamp_pb2.Timestamp:
    return timestamp_pb2.Timestamp(seconds=1_795_000_000 + seconds, nanos=125_000_000)


def tokens(user: int) -> auth_service_pb2.TokenPair:
    return auth_service_pb2.TokenPair(
        access_token=f"access-{user}", access_expires_at=moment(900),
        refresh_token=f"refresh-{user}", refresh_expires_at=moment(90_000),
    )  # fmt: skip


def page(items: list[Any], size: int, token: str) -> tuple[list[Any], str]:
    """Slice by a token that is an offset."""
    start = int(token or "0")
    size = size or 20
    following = start + size
    return items[start:following], str(following) if following < len(items) else ""
