"""What the platform under measurement is filled with, and the wait until its consumers have taken it in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from rich.console import Console

from bench.processor_time import GENERATOR, idle_percent
from bench.progress import bar
from dev.scratch_platform import ScratchPlatform

PATIENCE_S = 1800.0
POLL_S = 0.5
# Percent of one core; idle polling takes about 20.
# Those of social's own log; social also reads auth's.
_SLOWEST_SQL = "SELECT coalesce(min(pos), 0) FROM consumer_cursors WHERE consumer IN ('projector', 'fan-out')"
QUIET_PERCENT = 40.0
QUIET_S = 2.0
QUIET_IN_A_ROW = 3
QUIET_PATIENCE_S = 600.0


@dataclass(frozen=True)
class Filling:
    """Files that `daira load` takes, every edge in both directions."""

    graph: Path
    posts: Path
    posts_count: int
    likes_per_post: float = 2.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Filling | None:
        """BENCH_GRAPH and BENCH_POSTS with BENCH_POSTS_COUNT (200,000); None, for the demo community, without them."""
        graph, posts = environment.get("BENCH_GRAPH"), environment.get("BENCH_POSTS")
        if not graph or not posts:
            return None
        return cls(Path(graph), Path(posts), int(environment.get("BENCH_POSTS_COUNT") or "200000"))


def load(scratch: ScratchPlatform, filling: Filling) -> None:
    """Loads the files; `daira load` shows how far it is. RuntimeError when it fails."""
    command = [str(Path(sys.executable).with_name("daira")), "load", "--both-ways"]
    command += ["--graph", str(filling.graph), "--posts", str(filling.posts)]
    command += ["--posts-count", str(filling.posts_count), "--likes-per-post", str(filling.likes_per_post)]
    outcome = subprocess.run(command, env={**os.environ, "DAIRA_HOME": str(scratch.home)}, check=False)
    if outcome.returncode != 0:
        raise RuntimeError(f"daira load ended with {outcome.returncode}")


async def taken_in(scratch: ScratchPlatform, console: Console) -> None:
    """Waits, behind a bar, until every event of social has its position and all consumers have taken it in.

    Nothing may be written meanwhile: the events are counted once. TimeoutError when it takes very long.
    """
    connection = await asyncpg.connect(scratch.endpoints["SOCIAL_DATABASE_URL"])
    deadline = time.monotonic() + PATIENCE_S
    try:
        events = int(await connection.fetchval("SELECT count(*) FROM events"))
        with bar(console, "events taken in", events) as progress:
            while time.monotonic() < deadline:
                head = int(await connection.fetchval("SELECT last_pos FROM relay_state"))
                slowest = int(await connection.fetchval(_SLOWEST_SQL))
                progress.at(min(slowest, events))
                if events <= head == slowest:
                    return
                await asyncio.sleep(POLL_S)
    finally:
        await connection.close()
    raise TimeoutError("social's consumers did not come to the end of its events in time")


async def analysed(scratch: ScratchPlatform) -> None:
    """Gives PostgreSQL's planner its statistics, as autovacuum has by the time that a real graph has grown."""
    connection = await asyncpg.connect(scratch.endpoints["SOCIAL_DATABASE_URL"])
    try:
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


def quiet(scratch: ScratchPlatform, console: Console) -> None:
    """Waits until nobody works off what a load left behind: feature table, analytics and PostgreSQL's upkeep."""
    with console.status("waiting until the platform is quiet …"):
        deadline = time.monotonic() + QUIET_PATIENCE_S
        in_a_row = 0
        while time.monotonic() < deadline:
            used = idle_percent(scratch, QUIET_S)
            is_quiet = sum(percent for name, percent in used.items() if name != GENERATOR) < QUIET_PERCENT
            in_a_row = in_a_row + 1 if is_quiet else 0
            if in_a_row == QUIET_IN_A_ROW:
                return
    console.print(f"the platform is not quiet after {QUIET_PATIENCE_S:.0f} s: {used}", style="yellow")


@contextlib.contextmanager
def held(scratch: ScratchPlatform, process: str) -> Iterator[None]:
    """Stops a process where it stands for as long as the block runs."""
    pid = scratch.pid(process)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
