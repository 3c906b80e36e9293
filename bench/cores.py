"""Which cores processes may use: a service on one of its own stands for a pod that has the processor it asked for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil


@contextlib.contextmanager
def own_core(pid: int, others: Iterable[int]) -> Iterator[set[int]]:
    """Give one process and the calling thread the last core, the `others` the rest, which is yielded, for the block.

    What the thread starts meanwhile inherits its core: so who measures a service costs the service's own core, and not
    a place behind whatever else runs. On a machine of one core nothing changes.
    """
    cores = sorted(os.sched_getaffinity(0))
    alone, rest = set(cores[-1:]), set(cores[:-1])
    if not rest:
        yield alone
        return
    neighbours = list(others)
    try:
        for neighbour in neighbours:
            _confine(neighbour, rest)
        _confine(pid, alone)
        os.sched_setaffinity(0, alone)
        yield rest
    finally:
        os.sched_setaffinity(0, cores)
        for one in (pid, *neighbours):
            _confine(one, set(cores))


def _confine(pid: int, cores: set[int]) -> None:
    """All threads of a process and of its descendants, which for PostgreSQL are its connections."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            for thread in Path(f"/proc/{one.pid}/task").glob("*"):
                # A thread that ended meanwhile needs no core.
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(int(thread.name), cores)
