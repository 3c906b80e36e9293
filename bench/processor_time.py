"""Who spends the processor during a load: milliseconds a call of each process of the platform, and of the generator."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil

from bench.load_run import LoadRun
from dev.scratch_platform import ScratchPlatform, cpu_seconds_of

NAMED = ("social", "gateway", "redis", "postgres")
# The relays and consumers, and the services that have nothing to do with the call.
WORKERS = "workers"
# `daira run`, which reads every process's log; there is none in a cluster.
SUPERVISOR = "supervisor"
GENERATOR = "generator"
SPENDERS = (*NAMED, WORKERS, SUPERVISOR, GENERATOR)


@dataclass(frozen=True)
class Metered:
    """A load and the processor milliseconds that each of SPENDERS used for one of its calls."""

    load: LoadRun
    cpu_ms: Mapping[str, float]


def metered(scratch: ScratchPlatform, load: Callable[[], LoadRun]) -> Metered:
    """Runs a load and reads the processes' times around it."""
    before = spent_s(scratch)
    run = load()
    after = spent_s(scratch)
    calls = max(1, run.calls)
    return Metered(run, {name: (after[name] - before[name]) * 1000 / calls for name in SPENDERS})


def idle_percent(scratch: ScratchPlatform, seconds: float) -> dict[str, float]:
    """Percent of one core that each of SPENDERS uses while nobody asks for anything."""
    before = spent_s(scratch)
    time.sleep(seconds)
    after = spent_s(scratch)
    return {name: (after[name] - before[name]) * 100 / seconds for name in SPENDERS}


def spent_s(scratch: ScratchPlatform) -> dict[str, float]:
    """Processor seconds so far. A generator may be this process or, as ghz, one that has ended by now."""
    pids = scratch.pids()
    spent = {name: cpu_seconds_of(pids[name]) for name in NAMED}
    others = [pid for name, pid in pids.items() if name not in NAMED and psutil.pid_exists(pid)]
    spent[WORKERS] = sum(cpu_seconds_of(pid) for pid in others)
    own = psutil.Process(scratch.supervisor_pid).cpu_times()
    spent[SUPERVISOR] = own.user + own.system
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    spent[GENERATOR] = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return spent
