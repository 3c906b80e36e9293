"""The warm feed asked for at a constant rate below saturation, latencies counted from when each call was due.

A closed loop asks no more while a server stalls, so a stall costs it one slow call for each client; people do not wait
for one another. At half of what the platform can answer, waiting is the exception, as it is in a service that is
provisioned; in a closed loop with more clients than cores the latencies are the length of the queue.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.feeds.asking import Ask, open_by_gateway, open_by_grpc
from bench.feeds.closed_loop import Sweep, capacity
from bench.figures import cpu_figures, load_figures
from bench.load_run import LoadRun
from bench.pace import ROUNDS, SECONDS
from bench.platform import Platform, Reader
from bench.processor_time import Metered, metered
from bench.progress import bar
from bench.results import Measurement, measured

WAYS: dict[str, Ask] = {"grpc": open_by_grpc, "gateway": open_by_gateway}
SHARE_OF_CAPACITY = 0.5
# Longer than a closed run: at half the rate, and p99 wants many calls.
LONGER = 2.5


def run(platform: Platform, readers: Sequence[Reader], closed: Sweep) -> list[Measurement]:
    """Half of what the closed loop answered at best, by every way, in rounds."""
    rates = {way: max(1, round(capacity(closed, way) * SHARE_OF_CAPACITY)) for way in WAYS}
    runs: dict[str, list[Metered]] = {way: [] for way in WAYS}
    with bar(platform.console, "open loop", ROUNDS * len(WAYS)) as progress:
        for _ in range(ROUNDS):
            for way, ask in WAYS.items():
                rate = rates[way]

                def load(ask: Ask = ask, rate: int = rate) -> LoadRun:
                    return ask(platform, readers, SECONDS * LONGER, rate)

                runs[way].append(metered(platform.scratch, load))
                progress.step()
    found = []
    for way, taken in runs.items():
        name = f"feed.{way}.open"
        found += [*load_figures(name, taken), *cpu_figures(name, taken)]
        found.append(measured(f"{name}.asked_rps", [float(rates[way])] * len(taken)))
    return found
