"""Starts a table of processes level by level, restarts what crashes, and drains everything on a signal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dev.errors import DevError
from dev.home import RecordedProcess, created_at
from dev.supervisor.child_process import ChildProcess
from dev.supervisor.console import Console
from dev.supervisor.readiness import wait_ready
from dev.supervisor.specs import Completed, ProcessSpec, in_levels


@dataclass(frozen=True)
class Patience:
    """How long the supervisor waits, in seconds."""

    ready_s: float = 90.0
    drain_s: float = 15.0
    first_backoff_s: float = 0.5
    longest_backoff_s: float = 15.0
    # A process that ran this long had recovered: its next crash starts from the first backoff again.
    settled_s: float = 30.0


class Supervisor:
    """Runs one table of processes. `start`, then `watch` until `stop_requested`, then `drain`."""

    def __init__(
        self,
        specs: Iterable[ProcessSpec],
        *,
        console: Console,
        folder: Path,
        environment: Mapping[str, str],
        record: Callable[[list[RecordedProcess]], None],
        patience: Patience | None = None,
    ) -> None:
        self._levels = in_levels(specs)
        self._console = console
        self._folder = folder
        self._environment = dict(environment)
        self._record = record
        self._patience = patience or Patience()
        self._children: dict[str, ChildProcess] = {}
        self._watchers: list[asyncio.Task[None]] = []
        self._signals = 0
        self.stop_requested = asyncio.Event()
        self.forced = False

    @contextlib.contextmanager
    def signals_handled(self) -> Iterator[None]:
        """First SIGINT or SIGTERM asks for a drain, the second kills everything."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.on_signal, number)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def on_signal(self, number: signal.Signals) -> None:
        """Take one signal."""
        self._signals += 1
        if self._signals == 1:
            self._console.system(f"{number.name}: draining; press Ctrl-C again to end everything at once")
            self.stop_requested.set()
            return
        self._console.system("ending everything at once")
        for child in self._children.values():
            child.kill()
        self.forced = True

    async def start(self) -> None:
        """Start every level, each when the one before is ready; raises DevError when a process does not get ready."""
        for level in self._levels:
            if self.stop_requested.is_set():
                return
            await asyncio.gather(*(self._start_first_time(spec) for spec in level))
        for level in self._levels:
            servers = [spec for spec in level if not isinstance(spec.ready, Completed)]
            self._watchers += [asyncio.create_task(self._watch(spec), name=f"watch {spec.name}") for spec in servers]

    async def drain(self) -> None:
        """End all: the last started first, SIGTERM and time to finish, then SIGKILL. Returns when none is left."""
        self.stop_requested.set()
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        for level in reversed(self._levels):
            children = [self._children[spec.name] for spec in level if spec.name in self._children]
            await asyncio.gather(*(self._stop_child(child) for child in children))
        self._children.clear()
        self._record([])

    async def _start_first_time(self, spec: ProcessSpec) -> None:
        began = time.monotonic()
        child = await self._launch(spec)
        ready = asyncio.create_task(wait_ready(child, self._patience.ready_s))
        stop = asyncio.create_task(self.stop_requested.wait())
        try:
            await asyncio.wait({ready, stop}, return_when=asyncio.FIRST_COMPLETED)
            if self.stop_requested.is_set():
                return
            if ready.result():
                word = "done" if isinstance(spec.ready, Completed) else "ready"
                self._console.system(f"{spec.name} is {word} after {time.monotonic() - began:.1f} s")
                return
        finally:
            ready.cancel()
            stop.cancel()
            await asyncio.gather(ready, stop, return_exceptions=True)
        await asyncio.sleep(0.2)
        if child.is_running:
            ended = f"was not ready after {self._patience.ready_s:.0f} s"
        else:
            ended = f"ended with {_exit_words(child.exit_code)} before it was ready"
        last = "\n".join(f"    {line}" for line in child.lines) or "    (nothing)"
        raise DevError(f"{spec.name} {ended}. The last it said:\n{last}", f"Its command: {' '.join(spec.command)}")

    def record(self) -> None:
        """Write down what runs now."""
        running = [one for one in self._children.values() if one.is_running]
        self._record([RecordedProcess(one.spec.name, one.pid, created_at(one.pid)) for one in running])

    async def _launch(self, spec: ProcessSpec) -> ChildProcess:
        child = await ChildProcess.start(spec, self._environment, self._folder, self._console.line)
        self._children[spec.name] = child
        self.record()
        return child

    async def _watch(self, spec: ProcessSpec) -> None:
        backoff_s = self._patience.first_backoff_s
        while not self.stop_requested.is_set():
            child = self._children[spec.name]
            began = time.monotonic()
            code = await child.wait()
            if self.stop_requested.is_set():
                return
            # What it left of its group would hold its port.
            child.kill()
            if time.monotonic() - began > self._patience.settled_s:
                backoff_s = self._patience.first_backoff_s
            self._console.system(f"{spec.name} ended with {_exit_words(code)}; starting it again in {backoff_s:.1f} s")
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, self._patience.longest_backoff_s)
            await self._launch(spec)

    async def _stop_child(self, child: ChildProcess) -> None:
        if not await child.stop(self._patience.drain_s):
            self._console.system(f"{child.spec.name} did not drain in {self._patience.drain_s:.0f} s and was killed")


def _exit_words(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"code {code}"
