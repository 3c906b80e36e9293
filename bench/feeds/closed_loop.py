"""The warm feed asked for by 1 to 64 clients, each of which waits for its answer before it asks again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.feeds.asking import Ask, by_gateway, by_grpc, latest_by_grpc
from bench.figures import cpu_figures, load_figures
from bench.pace import ROUNDS, SECONDS
from bench.platform import Platform, Reader
from bench.processor_time import Metered, metered
from bench.progress import bar
from bench.results import Measurement
from bench.targets import FEED_CLIENTS, WARM_CLIENTS

WAYS: Mapping[str, Ask] = {"grpc": by_grpc, "gateway": by_gateway}
WARM_UP_S = 1.0

# Runs by way and number of clients.
Sweep = dict[tuple[str, int], list[Metered]]


def sweep(platform: Platform, readers: Sequence[Reader]) -> Sweep:
    """All rounds: in each, every number of clients by every way in turn, so that a slow minute hits all alike."""
    runs: Sweep = {(way, clients): [] for way in WAYS for clients in FEED_CLIENTS}
    with bar(platform.console, "closed loop", ROUNDS * len(runs)) as progress:
        for ask in WAYS.values():
            ask(platform, readers, WARM_UP_S, WARM_CLIENTS)
        for _ in range(ROUNDS):
            for (way, clients), taken in runs.items():
                taken.append(_metered(platform, readers, WAYS[way], clients))
                progress.step()
    return runs


def latest(
    platform: Platform, readers: Sequence[Reader], baseline: Mapping[int, Sequence[Metered]]
) -> list[Measurement]:
    """Feeds in order of time: what a page by SQL is to be compared with."""
    runs = [_metered(platform, readers, latest_by_grpc, WARM_CLIENTS) for _ in range(ROUNDS)]
    return load_figures("feed.grpc.latest", runs, baseline.get(WARM_CLIENTS, ()))


def figures(runs: Sweep, baseline: Mapping[int, Sequence[Metered]]) -> list[Measurement]:
    """The figures of a sweep; `baseline` has the runs of a page by SQL for some numbers of clients."""
    found = []
    for (way, clients), taken in runs.items():
        name = f"feed.{way}.clients.{clients}"
        beside = baseline.get(clients, ()) if way == "grpc" else ()
        found += [*load_figures(name, taken, beside), *cpu_figures(name, taken)]
    for way in WAYS:
        beside = baseline.get(WARM_CLIENTS, ()) if way == "grpc" else ()
        found += load_figures(f"feed.{way}.warm", runs[way, WARM_CLIENTS], beside)
    return found


def capacity(runs: Sweep, way: str) -> float:
    """Answers a second of the number of clients that got the most, each by the median of its rounds."""
    return max(
        sorted(one.load.rps for one in taken)[len(taken) // 2] for (asked, _), taken in runs.items() if asked == way
    )


def _metered(platform: Platform, readers: Sequence[Reader], ask: Ask, clients: int) -> Metered:
    return metered(platform.scratch, lambda: ask(platform, readers, SECONDS, clients))
