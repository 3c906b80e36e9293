"""Sign-ins a second through gRPC beside what hashing alone allows."""

from __future__ import annotations

import asyncio
import statistics
import time

from bench import ghz
from bench.load_run import LoadRun
from bench.platform import PASSWORD, Platform
from bench.results import Measurement, measured
from services.auth.adapters.argon2_hasher import Argon2Hasher, HashingSettings, hash_password

PEOPLE = 64
# No more at once than the service lets wait.
CLIENTS = 8
ROUNDS = 3
SECONDS = 6.0
SIGN_IN = "daira.auth.v1.AuthService/SignIn"


def run(platform: Platform) -> list[Measurement]:
    """Sign-ins as fast as they go."""
    people = [platform.sign_up_named() for _ in range(PEOPLE)]
    address = platform.scratch.endpoints["AUTH_ADDRESS"]
    requests = [{"identifier": {"email": person.email}, "password": PASSWORD} for person in people]
    limits: list[float] = []
    runs: list[LoadRun] = []
    for _ in range(ROUNDS):
        limits.append(asyncio.run(hashing_limit(SECONDS / 2)))
        runs.append(ghz.run(address, SIGN_IN, requests, tokens=(), seconds=SECONDS, clients=CLIENTS))
    return [
        measured("auth.sign_in.rps", [one.rps for one in runs], statistics.median(limits)),
        measured("auth.sign_in.failures", [one.failures for one in runs]),
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
