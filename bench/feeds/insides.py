"""What only social itself knows: the time of each stage of its feeds; and how much memory a process holds."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil
from prometheus_client.parser import text_string_to_metric_families

from bench.feeds.asking import by_grpc
from bench.pace import ROUNDS, SECONDS
from bench.platform import Platform, Reader
from bench.results import Measurement, measured
from bench.targets import FEED_STAGES

STAGES = "daira_feed_stage_seconds"
# The stages of the extension's one call.
RANKING = ("merge", "filter", "features", "score", "diversify")
MIB = 2**20


@dataclass(frozen=True)
class Stages:
    """Seconds spent in each stage since the process began, and how often."""

    seconds: Mapping[str, float]
    times: Mapping[str, float]

    def mean_ms_since(self, before: Stages, stage: str) -> float:
        """Mean milliseconds of a stage between two readings; 0 when it did not run."""
        times = self.times.get(stage, 0.0) - before.times.get(stage, 0.0)
        seconds = self.seconds.get(stage, 0.0) - before.seconds.get(stage, 0.0)
        return seconds * 1000 / times if times else 0.0

    def ranking_ms_since(self, before: Stages) -> float:
        """Mean milliseconds of the extension's call, which merges, filters, scores and diversifies."""
        return sum(self.mean_ms_since(before, stage) for stage in RANKING)


def stages(platform: Platform) -> Stages:
    """The reading of now. LookupError when social measures no stages."""
    with urllib.request.urlopen(platform.scratch.endpoints["SOCIAL_METRICS_URL"], timeout=5) as answer:  # noqa: S310 - ours
        text = answer.read().decode()
    seconds: dict[str, float] = {}
    times: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        if family.name != STAGES:
            continue
        for sample in family.samples:
            kept = {f"{STAGES}_sum": seconds, f"{STAGES}_count": times}.get(sample.name)
            if kept is not None:
                kept[sample.labels["stage"]] = sample.value
    if not times:
        raise LookupError(f"social has no {STAGES}")
    return Stages(seconds, times)


def stage_figures(platform: Platform, readers: Sequence[Reader]) -> list[Measurement]:
    """Means of each stage for one client, who waits for nobody else."""
    rounds = []
    for _ in range(ROUNDS):
        before = stages(platform)
        by_grpc(platform, readers, SECONDS, 1)
        after = stages(platform)
        rounds.append({stage: after.mean_ms_since(before, stage) for stage in FEED_STAGES})
    return [measured(f"feed.stage.{stage}_ms", [one[stage] for one in rounds]) for stage in FEED_STAGES]


def resident_bytes(platform: Platform, process: str) -> int:
    """Memory that a process alone holds: what the machine would get back if it ended."""
    return int(psutil.Process(platform.scratch.pid(process)).memory_full_info().uss)
