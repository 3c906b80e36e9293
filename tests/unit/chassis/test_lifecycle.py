"""A process stops when told, in time, and as a whole when a part of it dies."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap

import pytest

from services.chassis.lifecycle import TaskDied, pause, supervised


async def forever(stop: asyncio.Event) -> None:
    await stop.wait()


async def crash() -> None:
    raise RuntimeError("broken")


async def nothing() -> None:
    return


async def test_all_end_at_stop() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, stop.set)
    await supervised(stop, one=forever(stop), two=forever(stop))


async def test_a_crash_stops_the_others() -> None:
    stop = asyncio.Event()
    with pytest.raises(TaskDied, match="two crashed"):
        await supervised(stop, one=forever(stop), two=crash())
    assert stop.is_set()


async def test_an_early_end_is_a_death() -> None:
    stop = asyncio.Event()
    with pytest.raises(TaskDied, match="two ended early"):
        await supervised(stop, one=forever(stop), two=nothing())


async def test_a_crash_while_stopping_is_told() -> None:
    stop = asyncio.Event()
    stop.set()
    with pytest.raises(TaskDied):
        await supervised(stop, one=forever(stop), two=crash())


async def test_a_pause_ends_at_stop() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_soon(stop.set)
    async with asyncio.timeout(5):
        await pause(stop, 3600)
    stop.clear()
    await pause(stop, 0.001)


PROGRAM = """
import asyncio, sys
from services.chassis.lifecycle import run_until_signalled

async def main(stop):
    print("up", flush=True)
    await stop.wait()
    {after}

sys.exit(run_until_signalled(main))
"""


def run_program(after: str, *signals: signal.Signals) -> int:
    program = textwrap.dedent(PROGRAM).format(after=after)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        for number in signals:
            process.send_signal(number)
            process.stdout.readline()  # the line about the signal
        return process.wait(20)


def test_a_signal_ends_it_cleanly() -> None:
    assert run_program("pass", signal.SIGTERM) == 0
    assert run_program("pass", signal.SIGINT) == 0


def test_a_second_signal_forces() -> None:
    assert run_program("await asyncio.sleep(60)", signal.SIGTERM, signal.SIGTERM) == 128 + signal.SIGTERM


def test_a_crash_is_exit_code_one() -> None:
    assert run_program("raise RuntimeError", signal.SIGTERM) == 1


def test_settings_that_turn_out_wrong_are_exit_code_two() -> None:
    assert (
        run_program("from services.chassis.config import SettingsError; raise SettingsError(['X'])", signal.SIGTERM)
        == 2
    )
