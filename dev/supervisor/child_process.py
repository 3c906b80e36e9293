"""One process under supervision: started on a leash, its output read line by line, ended with its whole group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from dev.child import leashed
from dev.supervisor.specs import ProcessSpec

READ_BYTES = 65_536
LONGEST_LINE_BYTES = 65_536
REMEMBERED_LINES = 20
ANSI = re.compile(r"\x1b\[[0-9;]*m")
# structlog as JSON, or its console form: timestamp, [level], then the event's name.
READY = re.compile(r'"event":\s*"ready"|\[\s*\w+\s*\]\s+ready\b|^ready\b')


class ChildProcess:
    """A started process; `lines` are its last ones, for when it ends badly."""

    def __init__(self, spec: ProcessSpec, process: asyncio.subprocess.Process, say: Callable[[str, str], None]) -> None:
        self.spec = spec
        self.lines: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self.said_ready = asyncio.Event()
        self._process = process
        self._say = say
        self._reading = asyncio.create_task(self._read(), name=f"output of {spec.name}")

    @classmethod
    async def start(
        cls, spec: ProcessSpec, environment: Mapping[str, str], folder: Path, say: Callable[[str, str], None]
    ) -> ChildProcess:
        """Start the process in a session of its own; it dies with this one."""
        # SIGKILL and not SIGTERM at our death: a killed run must leave nothing, and services are built to be killed.
        process = await asyncio.create_subprocess_exec(
            *leashed(spec.command, death_signal=signal.SIGKILL),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env={**environment, **spec.env},
            cwd=folder,
        )
        return cls(spec, process, say)

    @property
    def pid(self) -> int:
        """The pid, which is also the id of its process group."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    @property
    def exit_code(self) -> int | None:
        """Exit code, or minus the signal's number; None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait until it ended; returns the exit code."""
        return await self._process.wait()

    async def stop(self, patience_s: float) -> bool:
        """SIGTERM, then SIGKILL to what is left of its group after `patience_s`; True when it ended by itself."""
        ended_itself = True
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), patience_s)
            except TimeoutError:
                ended_itself = False
        self.kill()
        await self._process.wait()
        await self._finish_reading()
        return ended_itself

    def kill(self) -> None:
        """SIGKILL to the whole group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _finish_reading(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._reading), 1.0)
        self._reading.cancel()

    async def _read(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        rest = b""
        while chunk := await stream.read(READ_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE_BYTES:
                lines.append(rest)
                rest = b""
            for line in lines:
                self._take(line)
        if rest:
            self._take(rest)

    def _take(self, raw: bytes) -> None:
        line = raw.decode("utf-8", errors="replace").rstrip("\r")
        if not line:
            return
        self.lines.append(line)
        if not self.said_ready.is_set() and READY.search(ANSI.sub("", line)):
            self.said_ready.set()
        self._say(self.spec.name, line)
