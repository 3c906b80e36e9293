"""Calls by asyncio's gRPC client, in a closed loop or at a rate: for calls that need the answer to the last one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from bench.load_run import LoadRun

Call = Callable[[], Awaitable[object]]


@dataclass
class Answers:
    """How calls ended: milliseconds of those that were answered and of those refused for want of room."""

    good_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)
    refused_without_time: int = 0
    failures: int = 0

    def run(self, seconds: float) -> LoadRun:
        """The same as a load: refusals are failures."""
        return LoadRun(tuple(self.good_ms), len(self.good_ms) / seconds, self.failures + len(self.refused_ms))

    async def take(self, call: Call) -> None:
        """Make the call and note how it ended."""
        began = time.perf_counter()
        try:
            await call()
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                self.failures += 1
                return
            self.refused_ms.append((time.perf_counter() - began) * 1000)
            self.refused_without_time += not _says_when(error)
        else:
            self.good_ms.append((time.perf_counter() - began) * 1000)


async def closed(calls: Sequence[Call], seconds: float) -> LoadRun:
    """Each caller calls again as soon as it has its answer, until the time is over."""
    answers = Answers()
    started = time.perf_counter()

    async def client(call: Call) -> None:
        while time.perf_counter() - started < seconds:
            await answers.take(call)

    await asyncio.gather(*(client(call) for call in calls))
    return answers.run(time.perf_counter() - started)


async def at_rate(calls: Sequence[Call], seconds: float, rate: float) -> Answers:
    """`rate` calls a second, the callers in turn, whether earlier calls were answered or not; none at rate 0."""
    answers = Answers()
    started = time.perf_counter()
    running: set[asyncio.Task[None]] = set()
    number = 0
    while (now := time.perf_counter() - started) < seconds:
        while number < now * rate:
            task = asyncio.create_task(answers.take(calls[number % len(calls)]))
            running.add(task)
            task.add_done_callback(running.discard)
            number += 1
        await asyncio.sleep(0.005)
    await asyncio.gather(*running)
    return answers


def _says_when(error: grpc.aio.AioRpcError) -> bool:
    status: Any = rpc_status.from_call(error)
    retry = error_details_pb2.RetryInfo()
    return any(detail.Unpack(retry) and retry.retry_delay.ToMilliseconds() > 0 for detail in status.details)
