"""Sign-ins and refreshes a second through gRPC by 1 to 16 clients, beside hashing alone and a call that only reads."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc.aio

from bench import auth_people, grpc_load
from bench.auth_alone import AuthAlone
from bench.load_run import LoadRun
from bench.results import Measurement, measured, percentile
from bench.scenarios.auth import hashing_limit
from bench.targets import AUTH_CLIENTS
from daira.auth.v1 import auth_service_pb2 as pb
from daira.auth.v1 import auth_service_pb2_grpc

ROUNDS = 3
SECONDS = 4.0
QUICK_SECONDS = 0.3
# As many names for each client, so that none has more sessions at once than it would at work.
NAMES = 4


@dataclass
class Client:
    """A person on one device: signs in by password, or holds a session and exchanges its refresh token."""

    stub: Any
    emails: Sequence[str]
    signed_in: int = 0
    tokens: pb.TokenPair = field(default_factory=pb.TokenPair)

    async def sign_in(self) -> None:
        """By the names in turn."""
        self.signed_in += 1
        identifier = pb.Identifier(email=self.emails[self.signed_in % len(self.emails)])
        request = pb.SignInRequest(identifier=identifier, password=auth_people.PASSWORD)
        self.tokens = (await self.stub.SignIn(request, timeout=10)).tokens

    async def refresh(self) -> None:
        """The token that the last refresh gave."""
        request = pb.RefreshTokensRequest(refresh_token=self.tokens.refresh_token)
        self.tokens = (await self.stub.RefreshTokens(request, timeout=10)).tokens

    async def read(self) -> None:
        """The own account: as long a way, and one read."""
        bearer = (("authorization", f"Bearer {self.tokens.access_token}"),)
        await self.stub.GetAccount(pb.GetAccountRequest(), metadata=bearer, timeout=10)


def run(*, quick: bool = False) -> list[Measurement]:
    """All rounds, each with every number of clients in turn; a rate that has failures is none."""
    clients = AUTH_CLIENTS[:2] if quick else AUTH_CLIENTS
    rounds, seconds = (1, QUICK_SECONDS) if quick else (ROUNDS, SECONDS)
    emails = [f"bench_{number}@example.com" for number in range(NAMES * max(clients))]
    with AuthAlone.started() as auth:
        auth_people.with_password(auth.database_url, emails)
        return asyncio.run(_rounds(auth, emails, clients, rounds, seconds))


async def _rounds(
    auth: AuthAlone, emails: Sequence[str], counts: Sequence[int], rounds: int, seconds: float
) -> list[Measurement]:
    limits: list[float] = []
    sign_ins: dict[int, list[LoadRun]] = {count: [] for count in counts}
    refreshes: dict[int, list[LoadRun]] = {count: [] for count in counts}
    reads: dict[int, list[LoadRun]] = {count: [] for count in counts}
    async with grpc.aio.insecure_channel(auth.address) as channel:
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        people = [Client(stub, emails[n * NAMES : (n + 1) * NAMES]) for n in range(max(counts))]
        for person in people:
            await person.sign_in()
        for _ in range(rounds):
            limits.append(await hashing_limit(seconds / 2))
            for count in counts:
                some = people[:count]
                sign_ins[count].append(await grpc_load.closed([one.sign_in for one in some], seconds))
                refreshes[count].append(await grpc_load.closed([one.refresh for one in some], seconds))
                reads[count].append(await grpc_load.closed([one.read for one in some], seconds))
    limit = statistics.median(limits)
    found: list[Measurement] = []
    for count in counts:
        found += _figures(f"auth.sign_in.clients.{count}", sign_ins[count], limit)
        found += _figures(f"auth.refresh.clients.{count}", refreshes[count], statistics.median(_rates(reads[count])))
    return found


def _figures(name: str, runs: Sequence[LoadRun], baseline_rps: float) -> list[Measurement]:
    latencies = [one.latencies_ms for one in runs if one.latencies_ms]
    if len(latencies) < len(runs):
        raise RuntimeError(f"{name}: no call was answered")
    return [
        *(measured(f"{name}.p{at}_ms", [percentile(one, at) for one in latencies]) for at in (50, 95, 99)),
        measured(f"{name}.rps", _rates(runs), baseline_rps),
        measured(f"{name}.failures", [one.failures for one in runs]),
    ]


def _rates(runs: Sequence[LoadRun]) -> list[float]:
    return [one.rps for one in runs]
