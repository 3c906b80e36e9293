"""What the payments process does between calls, again and again: top-ups resolved, balances folded, holds ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from services.chassis.errors import AppError, ErrorKind
from services.chassis.lifecycle import pause

_AWAY_PAUSE_S: Final = 1.0

_log = structlog.get_logger(__name__)


async def repeat(name: str, work: Callable[[], Awaitable[int | None]], every_s: float, stop: asyncio.Event) -> None:
    """Do `work` until `stop`: at once again while it reports something done, else after `every_s` seconds.

    A database that is away is waited for; any other error is logged and the work tried again, for it must not stop the
    process that serves calls.
    """
    while not stop.is_set():
        delay_s = every_s
        try:
            if await work():
                delay_s = 0.0
        except AppError as error:
            if error.kind is not ErrorKind.UNAVAILABLE:
                _log.exception("upkeep_failed", work=name)
            delay_s = max(every_s, _AWAY_PAUSE_S)
        except Exception:  # noqa: BLE001 - logged with its trace; see above
            _log.exception("upkeep_failed", work=name)
            delay_s = max(every_s, _AWAY_PAUSE_S)
        await pause(stop, delay_s)
