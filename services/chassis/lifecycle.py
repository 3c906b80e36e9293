"""The life of a process: the loop, the signals, and the tasks that must not die alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
import uvloop

from services.chassis import garbage_collector
from services.chassis.config import SettingsError

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
# What remains of a drain after one part has crashed.
_CRASH_GRACE_S: Final = 15.0

_log = structlog.get_logger(__name__)


class TaskDied(Exception):  # noqa: N818 - it tells what happened
    """A task that should run until stop crashed or returned early."""


def run_until_signalled(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> int:
    """Run `main` on uvloop and return the exit code: 0 after a clean stop, 1 after a crash, 2 for wrong settings.

    SIGTERM and SIGINT set the event given to `main`, which then returns in its own time; a second one ends the process.
    """
    garbage_collector.settle()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_main_with_signals(main))
        except TaskDied as error:
            # The task's own error is in the log already.
            _log.error("process_failed", error=str(error))
            return 1
        except SettingsError as error:
            # Found late, such as a file that is none: still a line for people and no trace.
            _log.error("settings_wrong", problems=error.problems)
            return 2
        except Exception:  # noqa: BLE001 - the last place where it can be logged
            _log.exception("process_failed")
            return 1
    return 0


async def supervised(stop: asyncio.Event, **tasks: Coroutine[Any, Any, None]) -> None:
    """Run the tasks until `stop`; each must watch it.

    When one raises, or returns before stop, the others are stopped and TaskDied is raised: half a process is worse than
    none, for it looks alive.
    """
    running = {asyncio.create_task(coroutine, name=name) for name, coroutine in tasks.items()}
    died: str | None = None
    try:
        pending = running
        while pending:
            timeout = _CRASH_GRACE_S if died is not None else None
            done, pending = await asyncio.wait(pending, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
            for task in done:
                died = _cause_of_death(task, stop) or died
            if died is not None:
                stop.set()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    if died is not None:
        raise TaskDied(died)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but wake at once when `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def _cause_of_death(task: asyncio.Task[None], stop: asyncio.Event) -> str | None:
    error = task.exception() if not task.cancelled() else None
    if error is not None:
        _log.error("task_crashed", task=task.get_name(), exc_info=error)
        return f"{task.get_name()} crashed"
    if not stop.is_set():
        _log.error("task_ended_early", task=task.get_name())
        return f"{task.get_name()} ended early"
    return None


async def _main_with_signals(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():
            _log.warning("forced", signal=signal.Signals(number).name)
            os._exit(128 + number)
        _log.info("stopping", signal=signal.Signals(number).name)
        stop.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    await main(stop)
