"""Watches over one request: ends it when its client goes, its body does not come, or its answer takes too long."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

from gateway.http.asgi import ClientGone, Receive

# Most answers are there sooner: they pay for this one timer, and not for a task that waits beside them.
_LOOK_AFTER_S: Final = 0.05


class Watch:
    """Cancels its block, and raises ClientGone or TimeoutError in its place. Used as asyncio.timeout is."""

    def __init__(self, receive: Receive, *, body_s: float, answer_s: float) -> None:
        """The body must be read in `body_s` seconds from the beginning, the answer be made in `answer_s` from then."""
        self._receive = receive
        self._body_s = body_s
        self._answer_s = answer_s
        self._why: type[Exception] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.answering = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(self._loop)
        self._since = self._loop.time()
        self._looked = False
        self._timer = self._loop.call_later(_LOOK_AFTER_S, self._look)
        return self

    def answer(self) -> None:
        """The body is read: what is received from now on can only be that the client goes."""
        self.answering = True
        if self._looked:
            self._timer.cancel()
            self._since = self._loop.time()
            self._timer = self._loop.call_later(_LOOK_AFTER_S, self._look)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        task, self._task = self._task, None
        if self._watcher is not None:
            self._watcher.cancel()
        # Somebody else may have cancelled the task too; that is not for this block to hide.
        if self._why and task is not None and task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise self._why from error

    def _look(self) -> None:
        self._looked = True
        if self.answering:
            self._watcher = self._loop.create_task(self._watch())
        else:
            self._timer = self._loop.call_at(self._since + self._body_s, self._end, TimeoutError)

    async def _watch(self) -> None:
        try:
            async with asyncio.timeout_at(self._since + self._answer_s):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            self._end(TimeoutError)
        else:
            self._end(ClientGone)

    def _end(self, why: type[Exception]) -> None:
        if self._task is not None:
            self._why = why
            self._task.cancel()
