"""From runs of a load to measurements: percentiles, rate, failures, and the processor time of each process a call."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bench.processor_time import SPENDERS, Metered
from bench.results import Measurement, measured, percentile


def load_figures(
    name: str, runs: Sequence[Metered], beside: Sequence[Metered] = (), percents: Sequence[int] = (50, 95, 99)
) -> list[Measurement]:
    """Percentiles, rate and failures, with those of `beside` as their baseline; RuntimeError without an answer."""
    if not all(one.load.latencies_ms for one in runs):
        raise RuntimeError(f"{name}: a run without a single answer")

    def middle(values: Sequence[float]) -> float | None:
        return statistics.median(values) if values else None

    def latencies(taken: Sequence[Metered], percent: int) -> list[float]:
        return [percentile(one.load.latencies_ms, percent) for one in taken]

    return [
        *(
            measured(f"{name}.p{percent}_ms", latencies(runs, percent), middle(latencies(beside, percent)))
            for percent in percents
        ),
        measured(f"{name}.rps", [one.load.rps for one in runs], middle([one.load.rps for one in beside])),
        measured(f"{name}.failures", [one.load.failures for one in runs]),
    ]


def cpu_figures(name: str, runs: Sequence[Metered]) -> list[Measurement]:
    """Processor milliseconds a call of each process."""
    return [measured(f"{name}.cpu.{spender}_ms", [one.cpu_ms[spender] for one in runs]) for spender in SPENDERS]
