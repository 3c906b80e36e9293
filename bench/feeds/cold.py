"""First reads by distinct viewers after Redis has lost everything, alone or together with social's process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import grpc.aio
import psutil
import redis
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from bench.feeds.asking import address, first_reads
from bench.pace import ROUNDS
from bench.platform import Platform, Reader
from bench.progress import bar
from bench.results import Measurement, measured, percentile

READY_PATIENCE_S = 300.0
POLL_S = 0.02


@dataclass(frozen=True)
class Restart:
    """Seconds from the start of the new process until it is ready; milliseconds of the first reads after that."""

    ready_s: float
    reads_ms: list[float]


def run(platform: Platform, readers: Sequence[Reader]) -> list[Measurement]:
    """Rounds of both; the restarts last, for they also empty social's own memory."""
    flushed: list[list[float]] = []
    restarts: list[Restart] = []
    with bar(platform.console, "cold", 2 * ROUNDS) as progress:
        for _ in range(ROUNDS):
            flushed.append(after_flush(platform, readers))
            progress.step()
        for _ in range(ROUNDS):
            restarts.append(after_restart(platform, readers))
            progress.step()
    return [
        measured("feed.cold.p50_ms", [percentile(one, 50) for one in flushed]),
        measured("feed.cold.p99_ms", [percentile(one, 99) for one in flushed]),
        measured("feed.restart.ready_s", [one.ready_s for one in restarts]),
        measured("feed.restart.p50_ms", [percentile(one.reads_ms, 50) for one in restarts]),
        measured("feed.restart.p99_ms", [percentile(one.reads_ms, 99) for one in restarts]),
    ]


def after_flush(platform: Platform, readers: Sequence[Reader]) -> list[float]:
    """Milliseconds of each reader's first feed after FLUSHALL; social keeps its feature table."""
    _flush(platform)
    return asyncio.run(first_reads(platform, readers))


def after_restart(platform: Platform, readers: Sequence[Reader]) -> Restart:
    """Kills social, empties Redis, waits until the supervisor's new process is ready, and reads."""
    killed = platform.scratch.pid("social")
    platform.scratch.kill("social")
    _flush(platform)
    began = _began(platform, killed)
    asyncio.run(_ready(address(platform)))
    ready_s = time.time() - began
    return Restart(ready_s, asyncio.run(first_reads(platform, readers)))


def _flush(platform: Platform) -> None:
    server = redis.Redis.from_url(platform.scratch.endpoints["REDIS_URL"])
    server.flushall()
    server.close()


def _began(platform: Platform, killed: int) -> float:
    """When the process that takes the killed one's place was started, in seconds since 1970."""
    deadline = time.monotonic() + READY_PATIENCE_S
    while time.monotonic() < deadline:
        pid = platform.scratch.pids().get("social", killed)
        if pid != killed:
            return psutil.Process(pid).create_time()
        time.sleep(POLL_S)
    raise TimeoutError("social was not started again")


async def _ready(target: str) -> None:
    async with grpc.aio.insecure_channel(target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        deadline = time.monotonic() + READY_PATIENCE_S
        while time.monotonic() < deadline:
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=1.0)
            except grpc.aio.AioRpcError:
                answer = None
            if answer is not None and answer.status == health_pb2.HealthCheckResponse.SERVING:
                return
            await asyncio.sleep(POLL_S)
    raise TimeoutError("social did not become ready")
