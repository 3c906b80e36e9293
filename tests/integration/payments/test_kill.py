"""SIGKILL of the payments process in the middle of its work: nothing acknowledged is lost, nothing happens twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import asyncpg
import grpc.aio
import pytest

from daira.payments.v1 import payments_service_pb2 as pb
from services.chassis.postgres import PostgresConnection, create_pool
from services.payments.adapters.postgres.ledger_upkeep import check_ledger
from services.payments.domain.providers import Operation, ProviderAnswer
from services.payments.domain.top_ups import TopUpOrder
from tests.integration.payments.processes import Caller, PaymentsProcess, StandInAuth
from tests.integration.payments.taking_top_ups import taking

PEOPLE = 12
KILLS = 3
pytestmark = pytest.mark.faults


class Load:
    """People who top up and tip, ask again with the same key after each failure, and remember what they were told."""

    def __init__(self, callers: list[Caller]) -> None:
        self.callers = callers
        self.told: dict[tuple[int, str], pb.SendTipResponse | pb.TopUpResponse] = {}
        self.failures = 0
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """Until stopped; every call begun is asked to its end."""
        await asyncio.gather(*(self.person(caller, seed) for seed, caller in enumerate(self.callers)))

    async def person(self, caller: Caller, seed: int) -> None:
        chance = random.Random(seed)
        number = 0
        while not self.stop.is_set():
            number += 1
            if number % 3 == 1:
                amount = chance.choice([10_000, 10_017, 10_013])
                await self.insist(caller, f"up-{number}", amount, 0)
            else:
                other = chance.choice([one for one in self.callers if one is not caller])
                await self.insist(caller, f"tip-{number}", chance.randrange(100, 4_000), other.user_id)

    async def insist(self, caller: Caller, key: str, amount: int, recipient: int) -> None:
        """Ask until there is an answer; a refusal is one."""
        while True:
            try:
                response: pb.SendTipResponse | pb.TopUpResponse
                if recipient:
                    response = await caller.tip(recipient, amount, key)
                else:
                    response = await caller.top_up(amount, key)
                self.told[caller.user_id, key] = response
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
                    return
                self.failures += 1
                await asyncio.sleep(0.02)
            else:
                return


@pytest.fixture
async def private(migrated_database: Callable[[str], str], stand_in_auth: StandInAuth, log_of: Path) -> PaymentsProcess:
    process = PaymentsProcess(
        migrated_database("payments"), stand_in_auth, log_of, PAYMENTS_PROVIDER_TIMEOUT_S="0.3",
        PAYMENTS_SAGA_LEASE_S="1",
    )  # fmt: skip
    database: PostgresConnection = await asyncpg.connect(process.environment["PAYMENTS_DATABASE_URL"])
    await database.execute(
        "INSERT INTO limits SELECT rail, 0, now(), 500, 3000000, 1000000000, 1000000000, 1000000, 'of this test'"
        " FROM (VALUES ('sandbox'), ('top_up')) AS both_limits (rail)"
    )
    await database.close()
    process.start()
    return process


async def test_killed_under_load_and_started_again(private: PaymentsProcess, stand_in_auth: StandInAuth) -> None:
    options = [("grpc.max_reconnect_backoff_ms", 200), ("grpc.initial_reconnect_backoff_ms", 50)]
    try:
        async with grpc.aio.insecure_channel(private.address, options=options) as channel:
            load = Load([Caller(channel, stand_in_auth, 1000 + n) for n in range(PEOPLE)])
            running = asyncio.create_task(load.run())
            for _ in range(KILLS):
                await asyncio.sleep(1.5)
                private.kill()
                await asyncio.to_thread(private.start)
            await asyncio.sleep(1.0)
            load.stop.set()
            await asyncio.wait_for(running, 60)
            assert load.failures > 0, "the kills hit nobody"
            assert len(load.told) > 100
            database: PostgresConnection = await asyncpg.connect(private.environment["PAYMENTS_DATABASE_URL"])
            await nothing_pending(database)
            await verify(database, load)
            await database.close()
    finally:
        private.stop()


async def nothing_pending(database: PostgresConnection) -> None:
    async with asyncio.timeout(30):
        while await database.fetchval("SELECT count(*) FROM top_ups WHERE state = 'pending'"):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)


async def verify(database: PostgresConnection, load: Load) -> None:
    assert await check_ledger(database) == []
    transfers = {(row["actor_id"], row["key"]): row for row in await database.fetch("SELECT * FROM transfers")}
    for (user_id, key), response in load.told.items():
        if isinstance(response, pb.SendTipResponse):
            kept = transfers[user_id, key]
            assert (kept["id"], kept["amount"]) == (response.transfer_id, response.amount_piastres)
            assert kept["balance_after"] == response.wallet.balance_piastres
            repeated = await next(c for c in load.callers if c.user_id == user_id).tip(
                kept["recipient_id"], kept["amount"], key
            )
            assert repeated.SerializeToString() == response.SerializeToString()
        elif response.state == pb.TOP_UP_STATE_SUCCEEDED:
            assert (user_id, key) in transfers
        elif response.state == pb.TOP_UP_STATE_DECLINED:
            assert (user_id, key) not in transfers
    # What the provider captured is what came into wallets: no charge was lost, none was made under a second reference.
    sums = await database.fetchrow(
        "SELECT (SELECT coalesce(sum(amount), 0) FROM sandbox_payments WHERE captured) AS captured,"
        " (SELECT coalesce(sum(amount), 0) FROM transfers WHERE kind = 'top_up') AS posted,"
        " (SELECT count(*) FROM sandbox_payments) AS references, (SELECT count(*) FROM top_ups) AS top_ups"
    )
    assert sums is not None
    assert sums["captured"] == sums["posted"]
    assert sums["references"] == sums["top_ups"]


class Dying:
    """A provider that has done it, declined it or never heard of it when the process that asks is gone."""

    def __init__(self, database: PostgresConnection, *, captured: bool | None) -> None:
        self.database = database
        self.captured = captured

    async def send(self, operation: Operation) -> ProviderAnswer:
        if self.captured is not None:
            await self.database.execute(
                "INSERT INTO sandbox_payments (reference, amount, captured) VALUES ($1, $2, $3)",
                operation.reference, operation.amount, self.captured,
            )  # fmt: skip
        raise ConnectionError

    async def inquire(self, operation: Operation) -> ProviderAnswer:
        raise ConnectionError(operation.reference)


@pytest.mark.parametrize("captured", [None, True, False], ids=["before the provider", "after capture", "after decline"])
async def test_top_up_left_behind_is_resolved_once(
    private: PaymentsProcess,
    stand_in_auth: StandInAuth,
    captured: bool | None,  # noqa: FBT001 - a parameter of the table
) -> None:
    """The rows that a process killed between its steps leaves behind, put there by hand."""
    private.kill()
    try:
        database: PostgresConnection = await asyncpg.connect(private.environment["PAYMENTS_DATABASE_URL"])
        url = private.environment["PAYMENTS_DATABASE_URL"]
        pool = await create_pool(url, application_name="dying", min_size=1, max_size=2)
        take, _ = taking(pool, Dying(database, captured=captured))
        with pytest.raises(ConnectionError):
            await take(TopUpOrder(77, 700, "k", b"h"))
        await database.execute("UPDATE sagas SET lease_until = clock_timestamp()")
        await pool.close()
        await asyncio.to_thread(private.start)
        await nothing_pending(database)
        held = await database.fetchval("SELECT posted FROM accounts WHERE id = 77")
        assert held == (0 if captured is False else 700)
        requests = await database.fetch("SELECT requests FROM sandbox_payments")
        assert [row["requests"] for row in requests] == [1]
        assert await check_ledger(database) == []
        await database.close()
    finally:
        private.stop()
