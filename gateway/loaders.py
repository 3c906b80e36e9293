"""Joins without repeated calls: ids asked for in one turn of the loop go out together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

BATCH_MAX: Final = 100


class Loader:
    """Loads things by id for one request: each id once, at most 100 a call; what is not found is None."""

    def __init__(self, fetch: Callable[[Sequence[int]], Awaitable[Mapping[int, Any]]]) -> None:
        self._fetch = fetch
        self._loaded: dict[int, asyncio.Future[Any]] = {}
        self._waiting: list[int] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def load(self, number: int) -> asyncio.Future[Any]:
        """The thing with this id, later; the error of the call that should have brought it."""
        found = self._loaded.get(number)
        if found is None:
            loop = asyncio.get_running_loop()
            found = self._loaded[number] = loop.create_future()
            # The first id of a turn schedules the call; ids that follow in the same turn join it.
            if not self._waiting:
                loop.call_soon(self._dispatch)
            self._waiting.append(number)
        return found

    def close(self) -> None:
        """Give up what is under way: the request is over or its client is gone."""
        for task in self._tasks:
            task.cancel()
        for future in self._loaded.values():
            if not future.done():
                future.cancel()

    def _dispatch(self) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), BATCH_MAX):
            task = asyncio.get_running_loop().create_task(self._run(waiting[start : start + BATCH_MAX]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, numbers: list[int]) -> None:
        try:
            found = await self._fetch(numbers)
        except Exception as error:  # noqa: BLE001 - every waiter gets it
            for number in numbers:
                self._settle(number, error)
            return
        for number in numbers:
            self._settle(number, found.get(number))

    def _settle(self, number: int, outcome: Any) -> None:
        future = self._loaded[number]
        if future.done():
            return
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
            # A field that nobody awaits any more must not be logged as never retrieved.
            future.exception()
        else:
            future.set_result(outcome)
