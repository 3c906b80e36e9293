"""The door for callbacks: whether one is the provider's is seen first, then it is kept, then it is acknowledged."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.chassis.errors import AppError
from services.payments.adapters.providers.callbacks import Arrived, CallbackReader, ForgedError

_BODY_MAX: Final = 64 * 1024
_RETRY_AFTER: Final = {"retry-after": "5"}
_ID_HASH_CHARS: Final = 32
_BODY_WITHIN_S: Final = 10.0

Keep = Callable[[str, str, bytes], Awaitable[bool]]
Observe = Callable[[str, str], None]

_log = structlog.get_logger(__name__)


class CallbackApp:
    """`POST /callbacks/<provider>`; `observe` is told provider and "kept", "repeated", "forged" or "unreadable"."""

    def __init__(self, readers: Mapping[str, CallbackReader], keep: Keep, observe: Observe) -> None:
        self._readers = readers
        self._keep = keep
        self._observe = observe
        self._draining = False
        self._app = Starlette(
            routes=[
                Route("/callbacks/{provider}", self._take, methods=["POST"]),
                Route("/healthz", self._health),
                Route("/readyz", self._readiness),
            ]
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one HTTP request."""
        await self._app(scope, receive, send)

    def ready(self) -> bool:
        """Whether traffic should come here."""
        return not self._draining

    def drain(self) -> None:
        """From now on it should not."""
        self._draining = True

    async def _take(self, request: Request) -> Response:
        provider = request.path_params["provider"]
        reader = self._readers.get(provider)
        if reader is None:
            return PlainTextResponse("no such provider\n", 404)
        raw = await _body(request)
        if raw is None:
            return PlainTextResponse("too long, or too slow\n", 413)
        try:
            reader.check(Arrived(raw, dict(request.query_params), dict(request.headers)))
        except ForgedError:
            self._observe(provider, "forged")
            _log.warning("callback_forged", provider=provider)
            return PlainTextResponse("the signature is wrong\n", 401)
        except ValueError:
            self._observe(provider, "unreadable")
            return PlainTextResponse("not a callback\n", 400)
        # A provider's own id says nothing of a later word about the same payment; the words themselves do.
        event_id = hashlib.sha256(raw).hexdigest()[:_ID_HASH_CHARS]
        try:
            is_new = await self._keep(provider, event_id, raw)
        except AppError:
            # Not acknowledged: the provider sends it again, and if it does not, the inquiry asks.
            return PlainTextResponse("try again\n", 503, headers=_RETRY_AFTER)
        self._observe(provider, "kept" if is_new else "repeated")
        return PlainTextResponse("kept\n")

    async def _health(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _readiness(self, _request: Request) -> Response:
        return PlainTextResponse("draining\n", 503) if self._draining else PlainTextResponse("ready\n")


async def _body(request: Request) -> bytes | None:
    """The whole body; None when it is too long or too slow, of which no more is read."""
    raw = bytearray()
    try:
        # Anybody may knock: who sends a byte a minute holds no place for long.
        async with asyncio.timeout(_BODY_WITHIN_S):
            async for piece in request.stream():
                raw += piece
                if len(raw) > _BODY_MAX:
                    return None
    except (ClientDisconnect, TimeoutError):
        return None
    return bytes(raw)
