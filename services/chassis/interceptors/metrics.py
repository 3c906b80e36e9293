"""How many calls, how they ended, and how long they took."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from prometheus_client import Histogram

from services.chassis.interceptors.layer import Behaviour, Context
from services.chassis.interceptors.logging import status_name
from services.chassis.metrics import Metrics


class MetricsLayer:
    """Observes every call in the histogram of its method and code."""

    name = "metrics"

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def wrap(self, method: str, behaviour: Behaviour) -> Behaviour:
        """The behaviour with its time taken."""
        in_flight = self._metrics.rpc_server_in_flight
        histogram = self._metrics.rpc_server_seconds
        by_code: dict[str, Histogram] = {"OK": histogram.labels(method, "OK")}

        async def answer(request: Any, context: Context) -> Any:
            started = time.perf_counter()
            code = "OK"
            in_flight.inc()
            try:
                return await behaviour(request, context)
            except asyncio.CancelledError:
                code = "CANCELLED"
                raise
            except BaseException:
                code = status_name(context)
                raise
            finally:
                in_flight.dec()
                if code not in by_code:
                    by_code[code] = histogram.labels(method, code)
                by_code[code].observe(time.perf_counter() - started)

        return answer
