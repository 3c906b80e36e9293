"""No call lasts longer than somebody waits for it, and none starts that cannot end in time; streams have a limit."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from services.chassis import context as call_context
from services.chassis.access import AccessTable
from services.chassis.errors import AppError, ErrorKind
from services.chassis.interceptors.layer import Behaviour, Context

# With less than this left the answer could not reach the caller in time.
_MIN_REMAINING_S: Final = 0.002


class DeadlineLayer:
    """Takes the caller's deadline, or the server's default when none is carried, and holds the call to it.

    A stream lasts `stream_s` by default and at most: whoever opened it may have lost the right to it by then.
    """

    name = "deadline"

    def __init__(self, access_table: AccessTable, default_s: float, stream_s: float) -> None:
        self._access_table = access_table
        self._default_s = default_s
        self._stream_s = stream_s

    def wrap(self, method: str, behaviour: Behaviour) -> Behaviour:
        """The behaviour that ends by its deadline."""
        streams = self._access_table.streams(method)
        default_s = self._stream_s if streams else self._default_s

        async def answer(request: Any, context: Context) -> Any:
            carried_s: float | None = context.time_remaining()
            limit_s = default_s if carried_s is None else min(carried_s, default_s) if streams else carried_s
            if limit_s < _MIN_REMAINING_S:
                raise too_short()
            call_context.current().deadline_monotonic = time.monotonic() + limit_s
            try:
                async with asyncio.timeout(limit_s) as timer:
                    return await behaviour(request, context)
            except TimeoutError:
                if timer.expired():
                    raise AppError(
                        ErrorKind.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "the answer took too long"
                    ) from None
                raise

        return answer


def too_short() -> AppError:
    """The time left is too short to start."""
    return AppError(ErrorKind.DEADLINE_EXCEEDED, "DEADLINE_TOO_SHORT", "the deadline left no time to start")
