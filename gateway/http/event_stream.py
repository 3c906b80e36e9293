"""Responses as server-sent events, until the stream ends, the client goes or reads no more, or the gateway ends.

Events are named as the GraphQL-over-SSE protocol names them in its distinct connections mode: `next` for each response,
then `complete`. A comment is sent now and then, so that proxies keep the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Final

from gateway.execution import Outcome
from gateway.http import negotiation
from gateway.http.asgi import Receive, Send
from services.chassis import context
from services.chassis.context import RequestContext

KEEP_ALIVE_S: Final = 15.0
_WRITE_PATIENCE_S: Final = 10.0
_COMPLETE: Final = b"event: complete\ndata:\n\n"
_COMMENT: Final = b":\n\n"


class EventStream:
    """Stands where a Response stands."""

    def __init__(
        self,
        outcomes: AsyncGenerator[Outcome],
        current: RequestContext,
        ending: asyncio.Event,
        on_end: Callable[[], None],
    ) -> None:
        self.status = 200
        self.headers = {"x-accel-buffering": "no"}
        self.encoded: tuple[tuple[bytes, bytes], ...] = ()
        self._outcomes = outcomes
        self._current = current
        self._ending = ending
        self._on_end = on_end

    async def send(self, send: Send, receive: Receive, *, head_only: bool = False) -> None:
        """Send what there is as long as somebody reads it."""
        gone = asyncio.create_task(_gone(receive))
        ending = asyncio.create_task(self._ending.wait())
        try:
            await send({"type": "http.response.start", "status": self.status, "headers": self._head()})
            with context.bind(self._current), contextlib.suppress(TimeoutError):
                if not head_only and await self._send_events(send, gone, ending):
                    await _write(send, _COMPLETE, more=False)
        finally:
            gone.cancel()
            ending.cancel()
            self._on_end()

    async def _send_events(self, send: Send, gone: asyncio.Task[None], ending: asyncio.Task[bool]) -> bool:
        """Whether the client is still there at the end."""
        async with contextlib.aclosing(self._outcomes) as outcomes:
            coming: asyncio.Task[Outcome | None] | None = None
            try:
                while True:
                    coming = coming or asyncio.create_task(_next(outcomes))
                    awaited = (coming, gone, ending)
                    done, _ = await asyncio.wait(awaited, timeout=KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
                    if gone in done:
                        return False
                    if coming in done:
                        outcome, coming = coming.result(), None
                        if outcome is None:
                            return True
                        await _write(send, b"event: next\ndata: %b\n\n" % outcome.body)
                    elif ending in done:
                        return True
                    else:
                        await _write(send, _COMMENT)
            finally:
                if coming is not None:
                    coming.cancel()
                    await asyncio.wait((coming,))

    def _head(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"content-type", f"{negotiation.EVENTS}; charset=utf-8".encode()),
            *self.encoded,
            *((name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()),
        ]


async def _next(outcomes: AsyncGenerator[Outcome]) -> Outcome | None:
    return await anext(outcomes, None)


async def _write(send: Send, body: bytes, *, more: bool = True) -> None:
    """TimeoutError when nobody reads: what waits is held by the sender, never here."""
    async with asyncio.timeout(_WRITE_PATIENCE_S):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
