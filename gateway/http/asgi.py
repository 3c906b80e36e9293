"""The few shapes of ASGI that the gateway uses: a request, a response, and how they travel."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BODY_BYTES_MAX: Final = 256 * 1024
_TOO_LARGE: Final = 413
_LINGER_S: Final = 2.0
_LINGER_BYTES_MAX: Final = 32 << 20


# The headers that anything here reads, as they come and as they are asked for.
PREFLIGHT_HEADERS: Final = ("x-daira-preflight", "apollo-require-preflight", "graphql-require-preflight")
_READ: Final = {
    name.encode(): name
    for name in (
        *PREFLIGHT_HEADERS, "accept", "accept-encoding", "authorization", "content-length", "content-type",
        "dpop", "sec-fetch-site", "x-forwarded-for", "x-request-id",
    )
}  # fmt: skip


class ClientGone(Exception):  # noqa: N818 - it tells what happened
    """The client closed the connection; nobody reads an answer."""


class Refused(Exception):  # noqa: N818 - it tells what happened
    """The request cannot be served as it stands."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request. Of headers those that are read; of one sent twice the values are joined by commas.

    `peer` is the address at the other end of the connection, "" when it has none.
    """

    method: str
    path: str
    query_string: bytes
    headers: Mapping[str, str]
    peer: str = ""

    @classmethod
    def from_scope(cls, scope: Scope) -> Request:
        """The head as ASGI gives it."""
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name = _READ.get(raw_name)
            if name is not None:
                value = raw_value.decode("latin-1")
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
        client = scope.get("client")
        peer = client[0] if client else ""
        return cls(scope["method"], scope["path"], scope.get("query_string", b""), headers, peer)


@dataclass(slots=True)
class Response:
    """A whole response. `encoded` are headers as they travel."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    encoded: tuple[tuple[bytes, bytes], ...] = ()

    async def send(self, send: Send, receive: Receive, *, head_only: bool) -> None:
        """Send it; `head_only` for HEAD.

        After a 413 what still comes is thrown away for a moment: a connection closed with bytes unread would be reset,
        and the client would never see why.
        """
        encoded = [
            (b"content-type", self.content_type.encode("latin-1")),
            (b"content-length", b"%d" % len(self.body)),
            *self.encoded,
            *((name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()),
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": encoded})
        lingers = self.status == _TOO_LARGE
        await send({"type": "http.response.body", "body": b"" if head_only else self.body, "more_body": lingers})
        if lingers:
            await _throw_away(receive)
            await send({"type": "http.response.body"})


async def read_body(request: Request, receive: Receive) -> bytes:
    """The body; Refused 413 as soon as it is known to be too long, ClientGone."""
    try:
        announced = int(request.headers.get("content-length", "0"))
    except ValueError:
        announced = 0
    if announced > BODY_BYTES_MAX:
        raise too_large()
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise too_large()
        if not message.get("more_body", False):
            return b"".join([*chunks, chunk]) if chunks else bytes(chunk)
        chunks.append(chunk)


def too_large() -> Refused:
    """The refusal of a body over the limit. The connection is closed, so the rest of the body is never kept."""
    message = f"the body is larger than {BODY_BYTES_MAX} bytes"
    return Refused(_TOO_LARGE, "BODY_TOO_LARGE", message, {"connection": "close"})


async def _throw_away(receive: Receive) -> None:
    left = _LINGER_BYTES_MAX
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            while left > 0:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
