"""A loop's lag is counted for everybody who was kept waiting, not once a stall."""

from __future__ import annotations

import asyncio
import time

from services.chassis.loop_lag import watch_loop_lag
from services.chassis.metrics import Metrics

STALL_S = 0.3
EVERY_S = 0.02


def late(metrics: Metrics, more_than_s: float) -> float:
    """How many turns were later than an edge of the buckets."""
    counts = {
        sample.labels["le"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "daira_event_loop_lag_seconds_bucket"
    }
    return counts["+Inf"] - counts[str(more_than_s)]


async def test_a_stall_counts_for_every_turn_that_was_due_in_it() -> None:
    metrics = Metrics()
    watching = asyncio.create_task(watch_loop_lag(metrics.event_loop_lag_seconds, EVERY_S))
    await asyncio.sleep(2 * EVERY_S)
    time.sleep(STALL_S)  # noqa: ASYNC251 - the stall is what is measured
    await asyncio.sleep(2 * EVERY_S)
    watching.cancel()
    # Of the fifteen turns of the stall ten and more were later than a tenth of a second.
    assert late(metrics, 0.1) >= 9
    assert late(metrics, 0.2) >= 4


async def test_a_long_sleep_of_the_machine_is_not_made_up_for() -> None:
    metrics = Metrics()
    watching = asyncio.create_task(watch_loop_lag(metrics.event_loop_lag_seconds, 0.000_1))
    await asyncio.sleep(0)
    time.sleep(STALL_S)  # noqa: ASYNC251 - three thousand turns
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    watching.cancel()
    assert late(metrics, 0.1) <= 501
