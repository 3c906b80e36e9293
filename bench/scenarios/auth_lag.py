"""How late auth's event loop is while passwords come at 0, 1 and 10 times what it can hash; what the excess is told."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Mapping
from typing import Any

import grpc.aio

from bench import auth_people, grpc_load
from bench.auth_alone import AuthAlone
from bench.results import Measurement, measured, percentile
from bench.scenarios.auth import hashing_limit
from bench.targets import LAG_LOADS
from daira.auth.v1 import auth_service_pb2 as pb
from daira.auth.v1 import auth_service_pb2_grpc

ROUNDS = 3
SECONDS = 15.0
QUICK_SECONDS = 0.5
NAMES = 256
CHANNELS = 4
LAG = "daira_event_loop_lag_seconds"


def run(*, quick: bool = False) -> list[Measurement]:
    """Each round: hashing alone, then the loads in turn; the lag is auth's own metric of the time of each."""
    rounds, seconds = (1, QUICK_SECONDS) if quick else (ROUNDS, SECONDS)
    emails = [f"bench_{number}@example.com" for number in range(NAMES)]
    figures: dict[str, list[float]] = {}
    with AuthAlone.started() as auth:
        auth_people.with_password(auth.database_url, emails)
        for _ in range(rounds):
            limit = asyncio.run(hashing_limit(seconds / 2))
            for load, times in LAG_LOADS.items():
                for name, value in asyncio.run(_load(auth, emails, seconds, limit * times)).items():
                    figures.setdefault(f"auth.loop_lag.{load}.{name}", []).append(value)
    return [measured(name, runs) for name, runs in figures.items()]


async def _load(auth: AuthAlone, emails: list[str], seconds: float, rate: float) -> dict[str, float]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(auth.address, options=options) for _ in range(CHANNELS)]
    stubs: list[Any] = [auth_service_pb2_grpc.AuthServiceStub(channel) for channel in channels]
    turns = itertools.count()

    async def sign_in() -> None:
        turn = next(turns)
        identifier = pb.Identifier(email=emails[turn % len(emails)])
        request = pb.SignInRequest(identifier=identifier, password=auth_people.PASSWORD)
        await stubs[turn % CHANNELS].SignIn(request, timeout=30)

    before = auth.buckets(LAG)
    began = time.perf_counter()
    answers = await grpc_load.at_rate([sign_in], seconds, rate)
    took = time.perf_counter() - began
    counted = difference(before, auth.buckets(LAG))
    for channel in channels:
        await channel.close()
    found = {f"p{at}_ms": quantile(counted, at / 100) * 1000 for at in (50, 99)} | {"max_ms": largest(counted) * 1000}
    if rate:
        asked = len(answers.good_ms) + len(answers.refused_ms) + answers.failures
        found |= {
            "asked_rps": asked / seconds,
            "signed_in_rps": len(answers.good_ms) / took,
            "refused_percent": 100 * len(answers.refused_ms) / max(1, asked),
            "refused_p99_ms": percentile(answers.refused_ms or [0.0], 99),
            "refused_without_time": answers.refused_without_time,
            "failures": answers.failures,
        }
    return found


def difference(before: Mapping[float, float], after: Mapping[float, float]) -> dict[float, float]:
    """What was counted up to each edge between two readings; LookupError when nothing was."""
    counted = {edge: after[edge] - before.get(edge, 0.0) for edge in sorted(after)}
    if not counted or max(counted.values()) == 0:
        raise LookupError("auth has not measured its event loop")
    return counted


def quantile(counted: Mapping[float, float], share: float) -> float:
    """As Prometheus does it: in its bucket a value lies where its rank does. Above the last edge, that edge."""
    wanted = share * max(counted.values())
    lower, below = 0.0, 0.0
    for edge, up_to in counted.items():
        if up_to >= wanted:
            if edge == float("inf") or up_to == below:
                return lower
            return lower + (edge - lower) * (wanted - below) / (up_to - below)
        lower, below = edge, up_to
    return lower


def largest(counted: Mapping[float, float]) -> float:
    """The edge below which all are; the last one when some are above it."""
    all_of = max(counted.values())
    edges = [edge for edge, up_to in counted.items() if up_to == all_of and edge != float("inf")]
    return min(edges) if edges else max(edge for edge in counted if edge != float("inf"))
