"""Stores that break off the program at their n-th call, as kill -9 does between any two lines that talk to a store."""

from __future__ import annotations

import inspect
from collections.abc import Coroutine
from typing import Any

# What only hands out something whose own calls are counted.
LEASES = {"acquire", "pipeline", "register_script"}


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
        if name == "connection_pool":
            return Fragile(found, self._fuse)
        if name == "transaction":
            # It commits, or is rolled back, as it would without us.
            return found
        return self._calling(name, found) if callable(found) else found

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._calling("", self._thing)(*args, **options)

    async def __aenter__(self) -> Any:
        return Fragile(await self._thing.__aenter__(), self._fuse)

    async def __aexit__(self, *exception: object) -> Any:
        return await self._thing.__aexit__(*exception)

    def _calling(self, name: str, call: Any) -> Any:
        def called(*args: Any, **options: Any) -> Any:
            result = call(*map(_bare, args), **{option: _bare(value) for option, value in options.items()})
            if name in LEASES:
                return Fragile(result, self._fuse)
            if name == "get_connection":
                return self._lend(result)
            # A script that is given a pipeline only waits in it; and a connection is given back by the living.
            is_call = inspect.isawaitable(result) and "client" not in options and name != "release"
            return self._fuse.burn(result) if is_call else result

        return called

    async def _lend(self, connection: Any) -> Fragile:
        return Fragile(await connection, self._fuse)


def _bare(value: Any) -> Any:
    return value._thing if isinstance(value, Fragile) else value
