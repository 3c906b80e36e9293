"""The home feed, 20 posts ranked and hydrated: warm in closed and open loops, beside a page by SQL, and cold."""

from __future__ import annotations

import asyncio
import os
import statistics

from bench.feeds import closed_loop, cold, insides, open_loop, sql_page
from bench.feeds.asking import with_full_feeds
from bench.pace import ROUNDS, SECONDS
from bench.platform import Platform
from bench.processor_time import SPENDERS, idle_percent
from bench.results import Measurement, measured
from bench.targets import WARM_CLIENTS

READERS = int(os.environ.get("BENCH_READERS") or 200)
WARM_READERS = 16


def run(platform: Platform) -> list[Measurement]:
    """Warm ones first; the caches are lost at the end."""
    readers = asyncio.run(with_full_feeds(platform, platform.readers(READERS)))
    warm = readers[:WARM_READERS]
    platform.console.print(f"{len(readers)} readers with a full page, {len(warm)} of them warm")
    idle = [idle_percent(platform.scratch, SECONDS) for _ in range(ROUNDS)]
    closed = closed_loop.sweep(platform, warm)
    by_sql = sql_page.sweep(platform, warm)
    warm = platform.signed_in(warm)
    found = [
        measured("feed.readers.follows", [statistics.mean(reader.follows for reader in warm)]),
        measured("feed.readers.merged_percent", [platform.merged_percent(warm)]),
        *closed_loop.figures(closed, by_sql),
        *insides.stage_figures(platform, warm),
        *closed_loop.latest(platform, warm, by_sql),
        *open_loop.run(platform, warm, closed),
        *sql_page.figures(by_sql),
        *(measured(f"idle.cpu.{name}_percent", [one[name] for one in idle]) for name in SPENDERS),
    ]
    found += cold.run(platform, platform.signed_in(readers))
    gateway = [one.cpu_ms["gateway"] for one in closed["gateway", WARM_CLIENTS]]
    return [*found, measured("gateway.cpu_ms_per_feed", gateway)]
