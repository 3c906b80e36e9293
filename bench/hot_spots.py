"""`python -m bench.hot_spots`: samples where the processor time of a warm feed goes; writes bench/profiles/*.txt."""

from __future__ import annotations

import asyncio
import platform as machine_platform
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench.feeds.asking import Ask, by_gateway, by_grpc, with_full_feeds
from bench.pace import SECONDS
from bench.platform import Platform, Reader
from bench.processor_time import Metered, metered
from bench.results import ROOT, commit, machine
from bench.stacks import Profile, read_stacks
from bench.targets import WARM_CLIENTS

PROFILES = ROOT / "bench" / "profiles"
READERS = 16
SAMPLES_A_SECOND = 100
# Sampled for longer than a figure is taken: a share of 1 % is to be seen.
LONGER = 4
TOP = 30
WIDTH = 120
HOW = (
    "How to read it: {samples} samples of all threads, {rate} a second for {seconds:.0f} s, native frames included, "
    "with {clients} clients in a closed loop ({rps:.0f} answers/s while sampled: a sample stops the process); "
    "{machine}, commit {commit}. Samples in a wait for the network or a lock are left out, so shares are of the "
    "time in which a thread ran or wanted to: a write that wakes the process it is for may lose its core to it, and "
    "is charged for that. Milliseconds are that share of the {cpu_ms:.2f} ms of processor time that {process} used "
    "for each feed. A sample belongs to the innermost frame that names a part; libraries without a part of their "
    "own (libc, asyncio, contextlib, ...) belong to who called them."
)


def main() -> None:
    """Samples social under gRPC, then the gateway under GraphQL."""
    console = Console(width=160)
    with Platform.started(console) as platform:
        readers = asyncio.run(with_full_feeds(platform, platform.readers(2 * READERS)))[:READERS]
        for process, ask in (("social", by_grpc), ("gateway", by_gateway)):
            ask(platform, readers, 1.0, WARM_CLIENTS)
            text = report(platform, process, ask, readers)
            PROFILES.mkdir(exist_ok=True)
            path = PROFILES / f"{process}.txt"
            path.write_text(text, "utf-8")
            console.rule(str(path.relative_to(ROOT)))
            console.print(text, markup=False, highlight=False)


def report(platform: Platform, process: str, ask: Ask, readers: Sequence[Reader]) -> str:
    """The text of one process: a paragraph, parts, and functions by themselves and with what they call."""
    stacks, run = sample(platform, platform.scratch.pid(process), ask, readers)
    profile = Profile.of(stacks)
    cpu_ms = run.cpu_ms[process]
    paragraph = HOW.format(
        samples=profile.busy, rate=SAMPLES_A_SECOND, seconds=SECONDS * LONGER, clients=WARM_CLIENTS, rps=run.load.rps,
        machine=machine(), commit=commit(), cpu_ms=cpu_ms, process=process,
    )  # fmt: skip
    paragraph = textwrap.fill(paragraph, WIDTH)
    lines = [f"Where the processor time of a warm feed goes in {process}.", "", paragraph, ""]
    for title, rows in (
        ("parts", profile.parts),
        ("system calls, by the part that makes them", profile.kernel),
        ("functions, by themselves", profile.own),
        ("functions of this project, with all that they call", profile.inclusive),
    ):
        lines += [f"{title}:", *_rows(rows[:TOP], profile.busy, cpu_ms), ""]
    return "\n".join(lines)


def sample(
    platform: Platform, pid: int, ask: Ask, readers: Sequence[Reader]
) -> tuple[list[tuple[list[str], int]], Metered]:
    """Stacks with their number of samples, taken by py-spy while the load runs. RuntimeError when it may not look."""
    seconds = SECONDS * LONGER
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "stacks.txt"
        command = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(pid), "--format", "raw"]
        command += ["--rate", str(SAMPLES_A_SECOND), "--duration", str(round(seconds)), "--output", str(raw)]
        if (sys.platform, machine_platform.machine()) == ("linux", "x86_64"):
            command.append("--native")
        sampler = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        run = metered(platform.scratch, lambda: ask(platform, readers, seconds, WARM_CLIENTS))
        _, said = sampler.communicate(timeout=60)
        if sampler.returncode != 0:
            raise RuntimeError(f"py-spy could not sample (it wants root, or CAP_SYS_PTRACE): {said[-500:]}")
        return read_stacks(raw.read_text("utf-8", errors="replace")), run


def _rows(rows: Sequence[tuple[str, int]], busy: int, cpu_ms: float) -> list[str]:
    return [f"  {100 * count / busy:5.1f} %  {cpu_ms * count / busy:6.3f} ms  {what}" for what, count in rows]


if __name__ == "__main__":
    main()
