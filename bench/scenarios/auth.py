"""Sign-ins a second through gRPC beside what hashing alone allows, and what they do to calls with a token."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence

from bench import ghz
from bench.load_run import LoadRun
from bench.platform import PASSWORD, Platform
from bench.results import Measurement, measured, percentile
from services.auth.adapters.argon2_hasher import Argon2Hasher, HashingSettings, hash_password

PEOPLE = 64
# No more at once than the service lets wait.
CLIENTS = 8
ROUNDS = 3
SECONDS = 6.0
FLOOD = 10
SIGN_IN = "daira.auth.v1.AuthService/SignIn"
FEED = "daira.social.v1.FeedService/GetHomeFeed"


def run(platform: Platform) -> list[Measurement]:
    """Sign-ins as fast as they go; feeds alone, and beside ten times as many sign-ins as auth can do."""
    people = [platform.sign_up_named() for _ in range(PEOPLE)]
    address = platform.scratch.endpoints["AUTH_ADDRESS"]
    requests = [{"identifier": {"email": person.email}, "password": PASSWORD} for person in people]
    limits: list[float] = []
    runs: list[LoadRun] = []
    ratios: list[float] = []
    for _ in range(ROUNDS):
        limits.append(asyncio.run(hashing_limit(SECONDS / 2)))
        runs.append(ghz.run(address, SIGN_IN, requests, tokens=(), seconds=SECONDS, clients=CLIENTS))
        ratios.append(asyncio.run(p99_ratio(platform, people[0].token, requests, round(runs[-1].rps * FLOOD))))
    return [
        measured("auth.sign_in.rps", [one.rps for one in runs], statistics.median(limits)),
        measured("auth.sign_in.failures", [one.failures for one in runs]),
        measured("auth.verify.p99_ratio_under_10x_sign_ins", ratios),
    ]


async def hashing_limit(seconds: float) -> float:
    """Passwords a second that the service's own hasher checks with nothing around it."""
    settings = HashingSettings()
    hashed = hash_password(PASSWORD, settings)
    hasher = Argon2Hasher(settings)
    done = 0
    started = time.perf_counter()

    async def one() -> None:
        nonlocal done
        while time.perf_counter() - started < seconds:
            await hasher.verify(hashed, PASSWORD)
            done += 1

    await asyncio.gather(*(one() for _ in range(settings.threads)))
    rate = done / (time.perf_counter() - started)
    hasher.close()
    return rate


async def p99_ratio(platform: Platform, token: str, requests: Sequence[Mapping[str, object]], flood_rps: int) -> float:
    """p99 of a cheap call with a token during the flood over its p99 before; refused sign-ins are the point here."""
    endpoints = platform.scratch.endpoints

    def calls() -> LoadRun:
        return ghz.run(endpoints["SOCIAL_ADDRESS"], FEED, {}, tokens=(token,), seconds=SECONDS, clients=1, rps=100)

    quiet = await asyncio.to_thread(calls)
    flood = asyncio.create_task(
        asyncio.to_thread(
            ghz.run,
            endpoints["AUTH_ADDRESS"],
            SIGN_IN,
            requests,
            tokens=(),
            seconds=SECONDS + 2,
            clients=PEOPLE,
            rps=flood_rps,
        )
    )
    await asyncio.sleep(1.0)
    under = await asyncio.to_thread(calls)
    await flood
    if quiet.failures or under.failures:
        raise RuntimeError("calls with a token failed")
    return percentile(under.latencies_ms, 99) / percentile(quiet.latencies_ms, 99)
