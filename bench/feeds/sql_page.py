"""What stands beside the feed: one SQL query that joins a page in order of time, over the same viewers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import asyncpg

from bench.feeds.asking import PAGE
from bench.figures import cpu_figures, load_figures
from bench.load_run import LoadRun
from bench.pace import ROUNDS, SECONDS
from bench.platform import Platform, Reader
from bench.processor_time import Metered, metered
from bench.progress import bar
from bench.results import Measurement
from bench.targets import SQL_CLIENTS

# No ranking, no blocks or mutes, nothing of what the viewer has seen, likes or passed on: less than the feed does.
LATEST_PAGE = """
SELECT p.id, p.body, p.language, p.kind, a.user_id, a.handle, a.display_name, coalesce(c.likes, 0) AS likes
FROM follows f
JOIN posts p ON p.author_id = f.followee_id
JOIN profiles a ON a.user_id = p.author_id
LEFT JOIN post_counters c ON c.post_id = p.id
WHERE f.follower_id = $1 AND p.deleted_at IS NULL
ORDER BY p.id DESC LIMIT $2
"""


def sweep(platform: Platform, readers: Sequence[Reader]) -> dict[int, list[Metered]]:
    """Rounds of some numbers of connections, each of which asks through asyncpg as fast as it is answered."""
    url = platform.scratch.endpoints["SOCIAL_DATABASE_URL"]
    viewers = [reader.user_id for reader in readers]
    runs: dict[int, list[Metered]] = {clients: [] for clients in SQL_CLIENTS}
    with bar(platform.console, "pages by SQL", ROUNDS * len(runs)) as progress:
        for _ in range(ROUNDS):
            for clients, taken in runs.items():

                def load(clients: int = clients) -> LoadRun:
                    return asyncio.run(_pages(url, viewers, SECONDS, clients))

                taken.append(metered(platform.scratch, load))
                progress.step()
    return runs


def figures(runs: dict[int, list[Metered]]) -> list[Measurement]:
    """The figures of the rounds."""
    found = []
    for clients, taken in runs.items():
        name = f"feed.sql_latest.clients.{clients}"
        found += [*load_figures(name, taken), *cpu_figures(name, taken)]
    return found


async def _pages(url: str, viewers: Sequence[int], seconds: float, clients: int) -> LoadRun:
    latencies: list[float] = []

    async def one(first: int) -> None:
        connection = await asyncpg.connect(url)
        try:
            statement = await connection.prepare(LATEST_PAGE)
            turn = first
            while time.perf_counter() - started < seconds:
                before = time.perf_counter()
                rows = await statement.fetch(viewers[turn % len(viewers)], PAGE)
                latencies.append((time.perf_counter() - before) * 1000)
                if len(rows) < PAGE:
                    raise RuntimeError(f"a page of {len(rows)} posts")
                turn += 1
        finally:
            await connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(one(number * len(viewers) // clients) for number in range(clients)))
    return LoadRun(tuple(latencies), len(latencies) / (time.perf_counter() - started), 0)
