"""The figures of one size of the platform: warm and cold feeds, memory, the table, and the time to rank."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import redis

from bench.feature_table import feature_table
from bench.feeds.asking import Ask, by_grpc, with_full_feeds
from bench.feeds.cold import Restart, after_flush, after_restart
from bench.feeds.insides import MIB, resident_bytes, stages
from bench.figures import cpu_figures, load_figures
from bench.filling import Filling
from bench.pace import ROUNDS, SECONDS
from bench.platform import Platform, Reader
from bench.processor_time import Metered, metered
from bench.progress import bar
from bench.results import Measurement, measured, percentile
from bench.targets import SIZE_CLIENTS

READERS = 100
WARM_READERS = 16


def measure(platform: Platform, size: str, people: int, follows: int) -> list[Measurement]:
    """Fills an empty platform and takes every figure of a size; `size` is the part of their names."""
    name = f"sizes.{size}"
    began = time.monotonic()
    platform.fill()
    filled_s = time.monotonic() - began
    readers = asyncio.run(with_full_feeds(platform, platform.readers(READERS)))
    found = [
        measured(f"{name}.people", [people]),
        measured(f"{name}.follows", [follows]),
        measured(f"{name}.posts", [platform.filling.posts_count if platform.filling else 0]),
        measured(f"{name}.fill_s", [filled_s]),
        measured(f"{name}.merged_percent", [platform.merged_percent(readers[:WARM_READERS])]),
        *warm(platform, readers[:WARM_READERS], name),
    ]
    readers = platform.signed_in(readers)
    flushed: list[list[float]] = []
    restarts: list[Restart] = []
    memory: list[int] = []
    with bar(platform.console, f"{size}: cold", 2 * ROUNDS) as progress:
        for _ in range(ROUNDS):
            flushed.append(after_flush(platform, readers))
            progress.step()
        for _ in range(ROUNDS):
            restarts.append(after_restart(platform, readers))
            memory.append(resident_bytes(platform, "social"))
            progress.step()
    table = feature_table(platform.scratch)
    return [
        *found,
        measured(f"{name}.cold.p50_ms", [percentile(one, 50) for one in flushed]),
        measured(f"{name}.cold.p99_ms", [percentile(one, 99) for one in flushed]),
        measured(f"{name}.restart.ready_s", [one.ready_s for one in restarts]),
        measured(f"{name}.restart.p99_ms", [percentile(one.reads_ms, 99) for one in restarts]),
        measured(f"{name}.social_mib", [one / MIB for one in memory]),
        measured(f"{name}.table_mib", [table.bytes / MIB]),
        measured(f"{name}.table_bytes_per_post", [table.bytes / table.posts]),
        measured(f"{name}.redis_mib", [redis_bytes(platform) / MIB]),
    ]


def warm(platform: Platform, readers: Sequence[Reader], name: str) -> list[Measurement]:
    """Ranked feeds over gRPC in a closed loop, and how long the extension took for each."""
    runs: dict[int, list[Metered]] = {clients: [] for clients in SIZE_CLIENTS}
    ranking_ms: list[float] = []
    by_grpc(platform, readers, 1.0, max(SIZE_CLIENTS))
    with bar(platform.console, f"{name.removeprefix('sizes.')}: warm", ROUNDS * len(runs)) as progress:
        for _ in range(ROUNDS):
            before = stages(platform)
            for clients, taken in runs.items():
                taken.append(_metered(platform, by_grpc, readers, clients))
                progress.step()
            ranking_ms.append(stages(platform).ranking_ms_since(before))
    found = []
    for clients, taken in runs.items():
        load = f"{name}.grpc.clients.{clients}"
        found += [*load_figures(load, taken), *cpu_figures(load, taken)]
    return [*found, measured(f"{name}.rank_ms", ranking_ms)]


def redis_bytes(platform: Platform) -> int:
    """Memory of everything that Redis holds, after the last readers' first feeds."""
    server = redis.Redis.from_url(platform.scratch.endpoints["REDIS_URL"])
    used = int(server.info("memory")["used_memory"])
    server.close()
    return used


def filling(graph: Path, posts: Path, posts_count: int) -> Filling:
    """One like a post: twice as many make loading the largest graph a quarter slower and no figure another."""
    return Filling(graph, posts, posts_count, likes_per_post=1.0)


def _metered(platform: Platform, ask: Ask, readers: Sequence[Reader], clients: int) -> Metered:
    return metered(platform.scratch, lambda: ask(platform, readers, SECONDS, clients))
