"""Measures how long a process's event loop keeps those waiting whose turn has come."""

from __future__ import annotations

import asyncio
from typing import Final

from prometheus_client import Histogram

_EVERY_S: Final = 0.1
# After a machine has slept for hours nobody was kept waiting for them.
_MOST_MISSED: Final = 500


async def watch_loop_lag(lag: Histogram, every_s: float = _EVERY_S) -> None:
    """Observe, `every_s` seconds apart, by how many seconds the loop is late; ends when cancelled.

    A turn that was missed while the loop stood still counts by itself: so the histogram tells what a call meets that
    comes at any moment. The loop's timers alone are up to a millisecond late.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + every_s
    while True:
        await asyncio.sleep(max(0.0, due - loop.time()))
        now = loop.time()
        due = max(due, now - _MOST_MISSED * every_s)
        while due <= now:
            lag.observe(now - due)
            due += every_s
