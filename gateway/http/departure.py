"""Stops what is done for a client that has gone."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

from gateway.http.asgi import ClientGone, Receive

# Most answers are there sooner: they pay for a timer, and not for a task that waits beside them.
_LOOK_AFTER_S: Final = 0.05


class until_gone:  # noqa: N801 - it is used as asyncio.timeout is
    """Cancels its block when the client closes the connection, and raises ClientGone in its place.

    It looks for the first time after a moment. The body of the request must have been read: what is received from then
    on can only be that the client goes.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False
        self._watcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(_LOOK_AFTER_S, self._look)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        task, self._task = self._task, None
        if self._watcher is not None:
            self._watcher.cancel()
        # Somebody else may have cancelled the task too; that is not for this block to hide.
        if self._gone and task is not None and task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise ClientGone from error

    def _look(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        await _disconnected(self._receive)
        if self._task is not None:
            self._gone = True
            self._task.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
