"""A whole platform in a throw-away folder for tests and measurements: `daira run` as a child, asked over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from dev.child import end, spawn
from dev.home import Home
from dev.settings import DEFAULT_PORTS

START_PATIENCE_S = 300.0
STOP_PATIENCE_S = 60.0
POLL_S = 0.2
# The relay stamps in the order of (xid, seq) and never goes back, so nothing unstamped lies before its cursor.
_SETTLED = """
SELECT r.last_pos = (SELECT min(pos) FROM consumer_cursors WHERE consumer IN ('projector', 'fan-out'))
    AND NOT EXISTS (SELECT FROM events e WHERE (e.xid, e.seq) > (r.last_xid, r.last_seq))
FROM relay_state r
"""


class GraphQLError(Exception):
    """The errors of a GraphQL answer, as the gateway sent them."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(json.dumps(errors, ensure_ascii=False)[:2000])
        self.errors = errors

    @property
    def codes(self) -> list[str]:
        """The extensions' codes."""
        return [str(error.get("extensions", {}).get("code", "")) for error in self.errors]


@dataclass(frozen=True)
class ScratchPlatform:
    """A running platform. `endpoints` are the settings that `daira run` wrote down for programs beside it."""

    home: Path
    log: Path
    endpoints: Mapping[str, str]
    supervisor_pid: int

    @classmethod
    @contextlib.contextmanager
    def started(
        cls, *, demo: bool, settings: Mapping[str, str] | None = None, command: Sequence[str] = ()
    ) -> Iterator[ScratchPlatform]:
        """Starts one on free ports and stops it after; raises RuntimeError with the end of its log.

        `command` runs instead of `daira run`: another process table over the same stores.
        """
        inherited = {name: value for name, value in os.environ.items() if name not in DEFAULT_PORTS}
        # Not below a folder of one user: PostgreSQL under root runs as nobody, who must be able to enter.
        with tempfile.TemporaryDirectory(prefix="daira-scratch-", dir="/tmp", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            folder.chmod(0o755)
            home, log = folder / "home", folder / "run.log"
            environment = {**inherited, "DAIRA_HOME": str(home), "DAIRA_DEMO": str(int(demo)), **(settings or {})}
            with log.open("wb") as output:
                daira_run = [str(Path(sys.executable).with_name("daira")), "run"]
                # On a leash: a test run that is killed leaves no platform behind.
                run = spawn(command or daira_run, log=output, death_signal=signal.SIGTERM, env=environment)
            try:
                yield cls(home, log, _endpoints_when_ready(home, log, run), run.pid)
            finally:
                end(run, [(signal.SIGTERM, STOP_PATIENCE_S)])

    def daira(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a daira command against this platform; raises RuntimeError with what it said when it fails."""
        command = [str(Path(sys.executable).with_name("daira")), *arguments]
        environment = {**os.environ, "DAIRA_HOME": str(self.home)}
        outcome = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if outcome.returncode != 0:
            raise RuntimeError(f"daira {arguments[0]} failed:\n{outcome.stdout[-2000:]}\n{outcome.stderr[-2000:]}")
        return outcome

    def graphql(
        self, query: str, variables: Mapping[str, Any] | None = None, token: str = "", timeout_s: float = 30.0
    ) -> dict[str, Any]:
        """The data of one GraphQL request; raises GraphQLError, or OSError when the gateway cannot be reached."""
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        request = urllib.request.Request(f"{self.endpoints['GATEWAY_URL']}/graphql", body, headers)  # noqa: S310 - our own
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            answer = json.load(error)
        if answer.get("errors"):
            raise GraphQLError(answer["errors"])
        data: dict[str, Any] = answer["data"]
        return data

    def pids(self) -> dict[str, int]:
        """The process ids of the processes and stores of the run that are up, by their names."""
        return {record.name: record.pid for record in Home(self.home).recorded()}

    def pid(self, name: str) -> int:
        """The process id of a process or store of the run; raises LookupError while it is down."""
        pids = self.pids()
        if name not in pids:
            raise LookupError(f"{name} does not run")
        return pids[name]

    def kill(self, name: str) -> None:
        """SIGKILL; the supervisor starts it again."""
        os.kill(self.pid(name), signal.SIGKILL)

    def cpu_seconds(self, name: str) -> float:
        """Processor time that a process and those it started have used so far, in seconds."""
        return cpu_seconds_of(self.pid(name))

    async def settle(self, patience_s: float = START_PATIENCE_S) -> None:
        """Waits until every event of social has its position and each of its consumers has come to the end."""
        connection = await asyncpg.connect(self.endpoints["SOCIAL_DATABASE_URL"])
        deadline = time.monotonic() + patience_s
        try:
            while time.monotonic() < deadline:
                if await connection.fetchval(_SETTLED):
                    return
                await asyncio.sleep(POLL_S)
        finally:
            await connection.close()
        raise TimeoutError("social's consumers did not come to the end of its events in time")


def cpu_seconds_of(pid: int) -> float:
    """Processor time of a process, of its children that have ended, and of those that live; in seconds."""
    process = psutil.Process(pid)
    seconds = 0.0
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            seconds += times.user + times.system
            # A store ends the processes of closed connections; the living among the children are counted themselves.
            seconds += times.children_user + times.children_system
    return seconds


def _endpoints_when_ready(home: Path, log: Path, run: subprocess.Popen[bytes]) -> dict[str, str]:
    deadline = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline:
        if run.poll() is not None:
            break
        with contextlib.suppress(OSError, ValueError, KeyError):
            endpoints: dict[str, str] = json.loads((home / "endpoints.json").read_text("utf-8"))
            with urllib.request.urlopen(f"{endpoints['GATEWAY_URL']}/readyz", timeout=2) as response:  # noqa: S310
                if response.status == HTTPStatus.OK:
                    return endpoints
        time.sleep(POLL_S)
    said = log.read_text("utf-8", errors="replace")[-4000:]
    raise RuntimeError(f"the platform did not become ready; it said:\n{said}")
