"""Stores that break off the program at their n-th call, as kill -9 does between any two lines that talk to a store."""

from __future__ import annotations

import inspect
from collections.abc import Coroutine
from typing import Any


class Killed(BaseException):
    """The process is gone, so nothing may catch it."""


class Fuse:
    """Counts calls; the n-th one is never sent, or is sent and its answer never read."""

    def __init__(self, calls: int, *, answered: bool) -> None:
        self.calls = 0
        self._last = calls
        self._answered = answered

    async def burn(self, call: Any) -> Any:
        """Await a call to a store, if it is still time for one."""
        self.calls += 1
        is_last = self.calls >= self._last
        if is_last and not self._answered:
            if isinstance(call, Coroutine):
                call.close()
            raise Killed
        answer = await call
        if is_last:
            raise Killed
        return answer


class Fragile:
    """A pool, connection, Redis client, pipeline or script whose calls burn a fuse; everything else passes through."""

    def __init__(self, thing: Any, fuse: Fuse) -> None:
        self._thing = thing
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._thing, name)
        return self._calling(found) if callable(found) else found

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._calling(self._thing)(*args, **options)

    async def __aenter__(self) -> Any:
        return Fragile(await self._thing.__aenter__(), self._fuse)

    async def __aexit__(self, *exception: object) -> Any:
        return await self._thing.__aexit__(*exception)

    def _calling(self, call: Any) -> Any:
        def called(*args: Any, **options: Any) -> Any:
            plain = {name: value._thing if isinstance(value, Fragile) else value for name, value in options.items()}
            result = call(*args, **plain)
            if hasattr(result, "__aenter__") or not inspect.isawaitable(result):
                # A context, a pipeline, a script: their own calls are counted. A transaction commits or is rolled back.
                wraps = hasattr(result, "fetchval") or hasattr(result, "execute") or callable(result)
                return Fragile(result, self._fuse) if wraps or _is_lease(result) else result
            # A script that is given a pipeline only waits in it.
            return result if "client" in options else self._fuse.burn(result)

        return called


def _is_lease(result: Any) -> bool:
    """Whether it is a connection on its way out of a pool."""
    return type(result).__name__ == "PoolAcquireContext"
