"""What a storm of sign-ins, ten times what hashing can do, does to checks of tokens in auth itself and in social."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench import ghz
from bench.cores import own_core
from bench.load_run import LoadRun
from bench.platform import PASSWORD, Platform
from bench.results import Measurement, measured, percentile

PEOPLE = 64
CHECKERS = 16
ROUNDS = 3
SECONDS = 6.0
STORM = 10
# Enough that those who wait for hashing hold back none of the others.
STORM_CLIENTS = 256
# Calls a second that are measured: few enough that they never wait for each other.
CHECKS = 100
# The generator of the storm yields to the one that measures, or the figure is of two generators on one core.
STORM_NICENESS = 19
SIGN_IN = "daira.auth.v1.AuthService/SignIn"
# Nothing but the check of a token happens here: it is good, and then it is not that of an admin, or of a service.
CHECKED = {
    "auth": ("AUTH_ADDRESS", "daira.auth.v1.AdminService/LookUpAccount"),
    "social": ("SOCIAL_ADDRESS", "daira.social.v1.FeatureService/GetFeatureTable"),
}
# Each from a household of its own: one network's storm is stopped before it comes to hashing.
HOUSEHOLD = {"x-forwarded-for": "41.{{ randomInt 0 255 }}.{{ randomInt 0 255 }}.1"}
REFUSED, OVERLOADED = "PermissionDenied", "ResourceExhausted"


def run(platform: Platform) -> list[Measurement]:
    """Checks of tokens alone and in the storm, who checks on a core of its own and then on the ones that all share."""
    people = [platform.sign_up_named() for _ in range(PEOPLE)]
    # Others than those who sign in all the time: somebody's oldest sessions end when there are too many.
    tokens = [platform.sign_up()[1] for _ in range(CHECKERS)]
    requests = [{"identifier": {"email": person.email}, "password": PASSWORD} for person in people]
    pids = platform.scratch.pids()
    apart: dict[str, list[float]] = {where: [] for where in CHECKED}
    shared: dict[str, list[float]] = {where: [] for where in CHECKED}
    storms: list[LoadRun] = []
    capacity = round(sign_ins(platform, requests, seconds=SECONDS, clients=8).rps)
    for _ in range(ROUNDS):
        for where in CHECKED:
            storm = Storm(platform, requests, capacity * STORM, storms)
            with own_core(pids[where], (pid for name, pid in pids.items() if name != where)) as rest:
                apart[where].append(p99_ratio(platform, where, tokens, storm, rest))
            shared[where].append(p99_ratio(platform, where, tokens, storm, os.sched_getaffinity(0)))
    return [
        measured("auth.verify.p99_ratio_under_10x_sign_ins", apart["social"]),
        measured("auth.verify.in_auth_p99_ratio_under_10x_sign_ins", apart["auth"]),
        measured("auth.verify.p99_ratio_on_shared_cores", shared["social"]),
        measured("auth.verify.in_auth_p99_ratio_on_shared_cores", shared["auth"]),
        measured("auth.storm.refused_rps", [storm.rps for storm in storms]),
        measured("auth.storm.refused_p99_ms", [percentile(storm.latencies_ms, 99) for storm in storms]),
    ]


@dataclass(frozen=True, slots=True)
class Storm:
    """Sign-ins `rps` times a second; what became of those that were refused goes to `seen`."""

    platform: Platform
    requests: Sequence[Mapping[str, object]]
    rps: int
    seen: list[LoadRun]

    def during(self, measure: Callable[[], LoadRun], cores: set[int]) -> LoadRun:
        """What is measured while it blows, from its second second on, out of a generator on these cores."""

        def blow() -> LoadRun:
            os.sched_setaffinity(0, cores)
            return sign_ins(
                self.platform,
                self.requests,
                seconds=SECONDS + 2,
                clients=STORM_CLIENTS,
                rps=self.rps,
                counted=OVERLOADED,
            )

        with ThreadPoolExecutor(1) as pool:
            blowing = pool.submit(blow)
            time.sleep(1.0)
            found = measure()
            self.seen.append(blowing.result())
        return found


def p99_ratio(platform: Platform, where: str, tokens: Sequence[str], storm: Storm, cores: set[int]) -> float:
    """p99 of checks during the storm, whose generator is on `cores`, over their p99 just before."""
    address, method = CHECKED[where]

    def checks() -> LoadRun:
        found = ghz.run(
            platform.scratch.endpoints[address],
            method,
            {},
            tokens=tokens,
            seconds=SECONDS,
            clients=1,
            rps=CHECKS,
            counted=REFUSED,
        )
        if found.failures > 1:
            raise RuntimeError(f"{found.failures} checks of tokens in {where} did not end as they should")
        return found

    quiet = checks()
    under = storm.during(checks, cores)
    return percentile(under.latencies_ms, 99) / percentile(quiet.latencies_ms, 99)


def sign_ins(
    platform: Platform,
    requests: Sequence[Mapping[str, object]],
    *,
    seconds: float,
    clients: int,
    rps: int = 0,
    counted: str = "OK",
) -> LoadRun:
    """Sign-ins at most `rps` a second, as many as can be when 0."""
    return ghz.run(
        platform.scratch.endpoints["AUTH_ADDRESS"],
        SIGN_IN,
        requests,
        tokens=(),
        seconds=seconds,
        clients=clients,
        rps=rps,
        headers=HOUSEHOLD,
        counted=counted,
        niceness=STORM_NICENESS,
    )
