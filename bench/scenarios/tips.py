"""Tips through gRPC with one hot fee account, beside a transaction of eight statements sent by the client itself."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import grpc.aio

from bench.platform import Platform, user_of
from bench.results import Measurement, measured, percentile
from bench.targets import TIP_CLIENTS
from daira.payments.v1 import payments_service_pb2 as pb

SENDERS = 96
ROUNDS = 3
SECONDS = 5.0
# Callers of the gRPC runs and connections of the eight-statement run: what each does best with here.
CALLERS = 64
CONNECTIONS = 16
TIP = 100
TOP_UP = 3_000_000

_LIMIT = """
    INSERT INTO limits (rail, level, effective_from, each_min, each_max, day_max, month_max, hour_count, source)
    VALUES ('tip', 0, now(), 100, 1000000, 1000000000000, 1000000000000, 1000000000, 'the benchmark')
"""
_SEND_TIP = "/daira.payments.v1.PaymentsService/SendTip"

# The same rows as a tip writes, in tables of its own: a balance in every account, also in the fee's.
_EIGHT_TABLES = """
    DROP SCHEMA IF EXISTS eight CASCADE;
    CREATE SCHEMA eight;
    CREATE TABLE eight.accounts (id bigint PRIMARY KEY, posted bigint NOT NULL CHECK (id < 0 OR posted >= 0));
    CREATE TABLE eight.transfers (id bigint PRIMARY KEY, sender bigint, recipient bigint, amount bigint, key text,
        UNIQUE (sender, key));
    CREATE TABLE eight.entries (transfer_id bigint, account_id bigint, amount bigint);
    CREATE INDEX ON eight.entries (account_id, transfer_id);
    CREATE TABLE eight.events (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text, payload bytea);
    CREATE SEQUENCE eight.ids;
    INSERT INTO eight.accounts SELECT n, 1000000000 FROM generate_series(1, 10000) AS n;
    INSERT INTO eight.accounts VALUES (-1, 0);
"""


@dataclass(frozen=True)
class Run:
    """Tips a second, and the latency of each in milliseconds."""

    rate: float
    latencies_ms: tuple[float, ...]


def run(platform: Platform) -> list[Measurement]:
    """Signs people up, gives them money, and measures three rounds of everything in turn."""
    people = [platform.sign_up()[1] for _ in range(SENDERS)]
    endpoints = platform.scratch.endpoints
    return measure(endpoints["PAYMENTS_ADDRESS"], people, endpoints["PAYMENTS_DATABASE_URL"])


def measure(address: str, tokens: Sequence[str], database_url: str) -> list[Measurement]:
    """The figures of a payments service for people with these access tokens."""
    swept, uniform, one_creator, eight = asyncio.run(_rounds(address, tokens, database_url))
    baseline = statistics.median(rate for rate in eight)
    return [
        *(one for clients, runs in swept.items() for one in _swept(clients, runs)),
        measured("tips.hot_fee.rps", [one.rate for one in uniform], baseline),
        measured("tips.hot_fee.p99_ms", [percentile(one.latencies_ms, 99) for one in uniform]),
        measured(
            "tips.hot_fee.vs_eight_statements_ratio",
            [ours.rate / theirs for ours, theirs in zip(uniform, eight, strict=True)],
        ),
        measured(
            "tips.one_creator_vs_uniform_ratio",
            [hot.rate / spread.rate for hot, spread in zip(one_creator, uniform, strict=True)],
        ),
    ]


def _swept(clients: int, runs: Sequence[Run]) -> list[Measurement]:
    """What so many clients saw; a tip that fails ends the scenario."""
    name = f"tips.clients.{clients}"
    return [
        *(
            measured(f"{name}.p{percent}_ms", [percentile(one.latencies_ms, percent) for one in runs])
            for percent in (50, 95, 99)
        ),
        measured(f"{name}.rps", [one.rate for one in runs]),
        measured(f"{name}.failures", [0.0]),
    ]


async def _allow_many(database_url: str) -> None:
    """Limits stay counted, and are beyond what 96 people do who stand for thousands."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(_LIMIT)
    finally:
        await connection.close()


async def _rounds(
    address: str, tokens: Sequence[str], database_url: str
) -> tuple[dict[int, list[Run]], list[Run], list[Run], list[float]]:
    people = [(user_of(token), token) for token in tokens]
    everybody = [user for user, _ in people]
    # Somebody who does not tip: everybody can tip them.
    creator = max(everybody) + 1
    swept: dict[int, list[Run]] = {clients: [] for clients in TIP_CLIENTS}
    uniform: list[Run] = []
    one_creator: list[Run] = []
    eight: list[float] = []
    await _allow_many(database_url)
    async with grpc.aio.insecure_channel(address) as channel:
        await _give_money(channel, tokens)
        await _tips(channel, people, lambda: random.choice(everybody), 1.0)
        for _ in range(ROUNDS):
            uniform.append(await _tips(channel, people, lambda: random.choice(everybody), SECONDS))
            one_creator.append(await _tips(channel, people, lambda: creator, SECONDS))
            eight.append(await eight_statements(database_url, SECONDS))
            for clients, runs in swept.items():
                runs.append(await _tips(channel, people, lambda: random.choice(everybody), SECONDS, clients))
    return swept, uniform, one_creator, eight


async def _give_money(channel: grpc.aio.Channel, tokens: Sequence[str]) -> None:
    top_up = channel.unary_unary(
        "/daira.payments.v1.PaymentsService/TopUp", pb.TopUpRequest.SerializeToString, pb.TopUpResponse.FromString
    )
    for token in tokens:
        request = pb.TopUpRequest(amount_piastres=TOP_UP, idempotency_key=f"bench-{time.time_ns()}")
        await top_up(request, metadata=(("authorization", f"Bearer {token}"),))


async def _tips(
    channel: grpc.aio.Channel,
    people: Sequence[tuple[int, str]],
    recipient: Callable[[], int],
    seconds: float,
    callers: int = CALLERS,
) -> Run:
    # Requests are serialised here and answers left as bytes: the load generator shares the machine with the service.
    call: Any = channel.unary_unary(_SEND_TIP)
    numbers = itertools.count(time.time_ns())
    latencies: list[float] = []
    started = time.perf_counter()

    async def one(sender: int, token: str) -> None:
        metadata = (("authorization", f"Bearer {token}"),)
        while time.perf_counter() - started < seconds:
            to = recipient()
            if to == sender:
                continue
            request = pb.SendTipRequest(recipient_id=to, amount_piastres=TIP, idempotency_key=f"b{next(numbers)}")
            before = time.perf_counter()
            await call(request.SerializeToString(), metadata=metadata, timeout=10)
            latencies.append((time.perf_counter() - before) * 1000)

    await asyncio.gather(*(one(*people[n % len(people)]) for n in range(callers)))
    return Run(len(latencies) / (time.perf_counter() - started), tuple(latencies))


async def eight_statements(database_url: str, seconds: float) -> float:
    """Tips a second by BEGIN, six statements and COMMIT from the client, without any RPC in front."""
    pool = await asyncpg.create_pool(database_url, min_size=CONNECTIONS, max_size=CONNECTIONS)
    done = 0
    try:
        await pool.execute(_EIGHT_TABLES)
        started = time.perf_counter()

        async def one() -> None:
            nonlocal done
            async with pool.acquire() as connection:
                while time.perf_counter() - started < seconds:
                    await _one_by_eight(connection, *random.sample(range(1, 10_001), 2))
                    done += 1

        await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
        rate = done / (time.perf_counter() - started)
        await pool.execute("DROP SCHEMA eight CASCADE")
    finally:
        await pool.close()
    return rate


async def _one_by_eight(connection: asyncpg.pool.PoolConnectionProxy, sender: int, recipient: int) -> None:
    async with connection.transaction():
        low, high = sorted((sender, recipient))
        await connection.fetch(
            "SELECT id, posted FROM eight.accounts WHERE id IN ($1, $2) ORDER BY id FOR NO KEY UPDATE", low, high
        )
        await connection.execute("UPDATE eight.accounts SET posted = posted - 100 WHERE id = $1", sender)
        await connection.execute("UPDATE eight.accounts SET posted = posted + 94 WHERE id = $1", recipient)
        await connection.execute("UPDATE eight.accounts SET posted = posted + 6 WHERE id = -1")
        transfer = await connection.fetchval(
            "INSERT INTO eight.transfers SELECT n, $1, $2, 100, n::text FROM nextval('eight.ids') AS n RETURNING id",
            sender, recipient,
        )  # fmt: skip
        await connection.execute(
            "WITH legs AS (INSERT INTO eight.entries VALUES ($1, $2, -100), ($1, $3, 94), ($1, -1, 6))"
            " INSERT INTO eight.events (kind, payload) VALUES ('tip_sent', $4)",
            transfer, sender, recipient, b"x" * 40,
        )  # fmt: skip
