"""The supervisor over a tiny table of processes: order, readiness, crashes, drains, and nothing left behind."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from dev.errors import DevError
from dev.home import RecordedProcess
from dev.ports import free_port
from dev.supervisor.console import Console
from dev.supervisor.specs import Completed, GrpcHealth, HttpOk, ProcessSpec, Readiness, ReadyEvent, in_levels
from dev.supervisor.supervisor import Patience, Supervisor

TINY = Path(__file__).with_name("tiny_server.py")
IMPATIENT = Patience(ready_s=20.0, drain_s=0.5, first_backoff_s=0.05, longest_backoff_s=0.1)


def spec(name: str, *arguments: str, ready: Readiness | None = None, after: tuple[str, ...] = ()) -> ProcessSpec:
    command = (sys.executable, "-u", str(TINY), *arguments)
    return ProcessSpec(name=name, command=command, ready=ready or ReadyEvent(), after=after)


class Bench:
    """A supervisor with its console and records in memory."""

    def __init__(self, *specs: ProcessSpec, patience: Patience = IMPATIENT) -> None:
        self.out = io.StringIO()
        self.records: list[RecordedProcess] = []
        self.pids: set[int] = set()
        self.supervisor = Supervisor(
            specs,
            console=Console([one.name for one in specs], self.out),
            folder=Path("/"),
            environment={"PATH": os.environ["PATH"]},
            record=self.record,
            patience=patience,
        )

    def record(self, processes: list[RecordedProcess]) -> None:
        self.records = processes
        self.pids |= {process.pid for process in processes}

    async def until_said(self, text: str) -> None:
        async with asyncio.timeout(20):
            while text not in self.out.getvalue():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def living(pids: set[int]) -> set[int]:
    return {pid for pid in pids if alive(pid)}


async def gone(pid: int) -> bool:
    for _ in range(200):
        if not alive(pid):
            return True
        await asyncio.sleep(0.02)
    return False


def test_levels_follow_the_arrows() -> None:
    table = [spec("c", after=("a", "b")), spec("a"), spec("b", after=("a",))]
    assert [[one.name for one in level] for level in in_levels(table)] == [["a"], ["b"], ["c"]]


def test_a_cycle_and_an_unknown_name_are_refused() -> None:
    with pytest.raises(DevError, match="cycle among a, b"):
        in_levels([spec("a", after=("b",)), spec("b", after=("a",))])
    with pytest.raises(DevError, match="unknown processes: nobody"):
        in_levels([spec("a", after=("nobody",))])


async def test_each_kind_of_readiness_and_the_drain() -> None:
    grpc_port, http_port = free_port(), free_port()
    bench = Bench(
        spec("migrate", "task", ready=Completed()),
        spec("worker", "ready", after=("migrate",)),
        spec(
            "server", "grpc", f"127.0.0.1:{grpc_port}", ready=GrpcHealth(f"127.0.0.1:{grpc_port}"), after=("migrate",)
        ),
        spec("gateway", "http", str(http_port), ready=HttpOk(f"http://127.0.0.1:{http_port}/"), after=("server",)),
    )
    await bench.supervisor.start()
    said = bench.out.getvalue()
    order = [said.index(f"{name} is ") for name in ("migrate", "server", "gateway")]
    assert order == sorted(order)
    assert {process.name for process in bench.records} >= {"worker", "server", "gateway"}
    await bench.supervisor.drain()
    assert bench.records == []
    assert not living(bench.pids)


async def test_a_process_that_fails_at_start_is_told_with_its_last_words() -> None:
    bench = Bench(spec("shoe", "fails"))
    with pytest.raises(DevError, match=r"shoe ended with code 3 before it was ready[\s\S]*left shoe"):
        await bench.supervisor.start()
    await bench.supervisor.drain()


async def test_a_process_that_never_gets_ready_is_given_up() -> None:
    bench = Bench(spec("slow", "never"), patience=Patience(ready_s=1.0, drain_s=0.5))
    with pytest.raises(DevError, match="slow was not ready after 1 s"):
        await bench.supervisor.start()
    await bench.supervisor.drain()
    assert not living(bench.pids)


async def test_a_crashed_process_is_started_again(tmp_path: Path) -> None:
    bench = Bench(spec("phoenix", "ready"))
    await bench.supervisor.start()
    first = next(iter(bench.pids))
    os.kill(first, signal.SIGKILL)
    await bench.until_said("phoenix ended with SIGKILL; starting it again")
    async with asyncio.timeout(20):
        while len(bench.pids) < 2:  # noqa: ASYNC110 - another process starts
            await asyncio.sleep(0.02)
    await bench.supervisor.drain()
    assert not living(bench.pids)


async def test_the_first_signal_drains_and_the_second_kills_what_does_not_end() -> None:
    bench = Bench(spec("stone", "stubborn"), patience=Patience(drain_s=60.0))
    await bench.supervisor.start()
    with bench.supervisor.signals_handled():
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(bench.supervisor.stop_requested.wait(), 5)
        draining = asyncio.create_task(bench.supervisor.drain())
        await asyncio.sleep(0.3)
        assert not draining.done()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(draining, 10)
    grandchild = int(bench.out.getvalue().split("grandchild ")[1].split()[0])
    assert await gone(grandchild)
    assert not living(bench.pids)


async def test_a_process_that_does_not_drain_is_killed_with_its_children() -> None:
    bench = Bench(spec("stone", "stubborn"))
    await bench.supervisor.start()
    await bench.supervisor.drain()
    assert "stone did not drain" in bench.out.getvalue()
    grandchild = int(bench.out.getvalue().split("grandchild ")[1].split()[0])
    assert await gone(grandchild)


async def test_a_signal_during_the_start_ends_it_quietly() -> None:
    bench = Bench(spec("slow", "never"), spec("next", "ready", after=("slow",)))
    starting = asyncio.create_task(bench.supervisor.start())
    await bench.until_said("I will not say it")
    bench.supervisor.on_signal(signal.SIGTERM)
    await asyncio.wait_for(starting, 5)
    await bench.supervisor.drain()
    assert not living(bench.pids)
