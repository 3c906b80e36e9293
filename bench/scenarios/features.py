"""Features of 500 candidates: from the table in the process, and by MGET from Redis as others would do it."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time

import daira_native
from bench.community import hot_posts
from bench.results import Measurement, measured
from bench.stores import scratch_redis
from services.chassis.redis_client import create_redis

POSTS = 200_000
CANDIDATES = 500
ROUNDS = 5
CALLS = 400


def run() -> list[Measurement]:
    """Median of a look-up of 500 records each way, five rounds in turn."""
    hot = hot_posts(POSTS, 4000)
    chance = random.Random(3)
    wanted = [[str(one).encode() for one in chance.sample(hot.post_ids, CANDIDATES)] for _ in range(50)]
    ours: list[float] = []
    theirs: list[float] = []
    with scratch_redis() as url:
        for _ in range(ROUNDS):
            ours.append(in_process(hot.table, wanted))
            theirs.append(asyncio.run(by_mget(url, wanted)))
    baseline = statistics.median(theirs)
    return [
        measured("features.500.p50_us", ours, baseline),
        measured("features.500.mget_ratio", [there / here for here, there in zip(ours, theirs, strict=True)]),
    ]


def in_process(table: daira_native.FeatureTable, wanted: list[list[bytes]]) -> float:
    """Median microseconds of parsing 500 ids and copying their features out of the table."""
    look_up = table.features
    times = []
    for call in range(CALLS):
        candidates = wanted[call % len(wanted)]
        before = time.perf_counter_ns()
        look_up(candidates)
        times.append((time.perf_counter_ns() - before) / 1000)
    return statistics.median(times)


async def by_mget(url: str, wanted: list[list[bytes]]) -> float:
    """Median microseconds of an MGET of 500 records of 64 bytes through redis-py and hiredis."""
    redis = create_redis(url, timeout_s=5.0, client_name="bench")
    record = os.urandom(64)
    for candidates in wanted:
        await redis.mset({b"f:" + one: record for one in candidates})
    times = []
    for call in range(CALLS):
        candidates = wanted[call % len(wanted)]
        before = time.perf_counter_ns()
        await redis.mget([b"f:" + one for one in candidates])
        times.append((time.perf_counter_ns() - before) / 1000)
    await redis.aclose()
    return statistics.median(times)
