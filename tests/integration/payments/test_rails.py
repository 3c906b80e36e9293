"""Payouts through real processes: runner, provider and door for callbacks, and everything that goes wrong between."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from services.chassis.postgres import PostgresPool, create_pool
from services.payments.adapters.instrument_box import InstrumentBox
from services.payments.adapters.postgres.instruments import PostgresInstruments
from services.payments.adapters.postgres.ledger_upkeep import check_ledger
from services.payments.adapters.postgres.sagas import PostgresSagas
from services.payments.adapters.providers.paymob_payouts import client_reference
from services.payments.application.saga_ports import NewSaga
from services.payments.domain.instruments import read_destination
from services.payments.domain.payout_machine import PAYOUT
from services.payments.domain.providers import Operation, OperationKind, Rail
from services.payments.domain.saga import Data
from services.sealing.key_encryption import KeyEncryptionKeys
from services.sealing.root_key import load_root_key
from tests.integration.payments.rails import KEY, SEALING, Rails, rails
from tests.integration.payments.test_postings import give

CREATOR = 5_001
RUNNER, DOOR = "services.payments.workers.sagas", "services.payments.workers.callbacks"
KEEP = "INSERT INTO provider_inbox (provider, event_id, raw) VALUES ('paymob_payouts', 'e', $1)"
DECIDED = {"paid", "returned", "declined", "completed"}
# An amount's last digits ask for trouble; see dev/sandbox_provider/faults.py.
FINE, DECLINE, LOSE_ANSWER, LOSE_REQUEST, RETURN, REPEAT, FORGE, SLOW, LATER, SILENT = (
    0, 13, 17, 19, 23, 29, 31, 37, 41, 43
)  # fmt: skip


class Creator:
    """A creator with money, known by identity card, with a bank account to be paid to."""

    def __init__(self, pool: PostgresPool, url: str, destination_id: int) -> None:
        self.pool, self.url, self.destination_id = pool, url, destination_id
        self.store = PostgresSagas(pool, runner="test", lease_s=30)

    async def asks(self, amount: int, key: str) -> int:
        """A payout whose batch leaves at once."""
        about: Data = {"amount": amount, "rail": "bank", "destination_id": self.destination_id}
        _, saga_id = await self.store.start(NewSaga(PAYOUT, CREATOR, key, b"body", "requested", about))
        return saga_id

    async def until(self, count: int, states: set[str] = DECIDED, patience_s: float = 40.0) -> dict[int, str]:
        """The states of all payouts once they are among `states`; what is scheduled is made due."""
        async with asyncio.timeout(patience_s):
            while True:
                await self.pool.execute(
                    "UPDATE sagas SET wake_at = now(), changed_at = now() - interval '2 days' WHERE state = 'scheduled'"
                )
                # Nobody waits an hour in a test: what is not known is asked again at once.
                await self.pool.execute("UPDATE sagas SET changed_at = now() - interval '3 h', wake_at = now()"
                                        " WHERE state = 'waiting' AND changed_at < now() - interval '1 s'")  # fmt: skip
                rows = await self.pool.fetch("SELECT id, state FROM sagas ORDER BY id")
                if len(rows) == count and all(row["state"] in states for row in rows):
                    return {row["id"]: row["state"] for row in rows}
                await asyncio.sleep(0.1)


@pytest.fixture
async def creator(migrated_database: Callable[[str], str]) -> AsyncIterator[Creator]:
    url = migrated_database("payments")
    pool = await create_pool(url, application_name="test", min_size=1, max_size=4)
    await give(pool, CREATOR, 1_000_000)
    await pool.execute("INSERT INTO known_people VALUES ($1, 2)", CREATOR)
    await pool.execute(
        "INSERT INTO limits SELECT 'bank_payout', 2, now(), 1, 10000000, 100000000, 100000000, 1000, 'the tests'"
    )
    keys = KeyEncryptionKeys("payments", base64.urlsafe_b64decode(SEALING + "="))
    instruments = PostgresInstruments(pool, InstrumentBox(await load_root_key(pool, keys)))
    to = read_destination(CREATOR, "iban", "EG380019000500000000263180002", "منى أحمد السيد", "29805150102345")
    yield Creator(pool, url, (await instruments.add(to, 0)).destination_id)
    async with pool.acquire() as connection:
        problems = await check_ledger(connection)
    await pool.close()
    assert problems == []


def effects(running: Rails) -> Counter[str]:
    """How often the provider moved money, by reference."""
    return Counter({line["reference"]: line["effects"] for line in running.operations()})


async def test_every_trouble_ends_well_and_nobody_is_paid_twice(creator: Creator, tmp_path: Path) -> None:
    amounts = [20_000 + ending for ending in (FINE, DECLINE, LOSE_ANSWER, LOSE_REQUEST, RETURN, REPEAT, FORGE, SLOW,
                                              LATER, SILENT)]  # fmt: skip
    with rails(creator.url, tmp_path) as running:
        sagas = {await creator.asks(amount, f"k{amount}"): amount % 100 for amount in amounts}
        await creator.until(len(sagas))
        found = await creator.until(len(sagas), DECIDED)
        while found[next(saga for saga, ending in sagas.items() if ending == RETURN)] != "returned":
            await asyncio.sleep(0.05)
            found = await creator.until(len(sagas), DECIDED)
        done = effects(running)
    ends = {sagas[saga]: state for saga, state in found.items()}
    assert ends.pop(DECLINE) == "declined"
    assert ends.pop(RETURN) == "returned"
    assert set(ends.values()) == {"paid"}
    assert max(done.values()) == 1
    assert sum(done.values()) == len(amounts) - 1
    paid = sum(amount for amount in amounts if amount % 100 not in {DECLINE, RETURN})
    row = await creator.pool.fetchrow("SELECT posted, held FROM accounts WHERE id = $1", CREATOR)
    assert row is not None
    assert (row["posted"], row["held"]) == (1_000_000 - paid, 0)
    assert "منى" not in running.log.read_text()


async def test_a_runner_that_slept_past_its_lease_changes_nothing(creator: Creator, tmp_path: Path) -> None:
    """Stopped in the middle of a provider's call, overtaken by another, and continued: what it decides is void."""
    patient = {"PAYMENTS_PAYOUT_TIMEOUT_S": "2.5", "PAYMENTS_SAGA_LEASE_S": "3"}
    with rails(creator.url, tmp_path, sandbox={"SANDBOX_SLOW_S": "1"}, runner=patient) as running:
        zombie = running.running[RUNNER]
        saga_id = await creator.asks(20_000 + SLOW, "k")
        waiting = asyncio.create_task(creator.until(1))
        await running.asked()
        zombie.send_signal(signal.SIGSTOP)
        running.start(RUNNER, "heir")
        assert await waiting == {saga_id: "paid"}
        before = await creator.pool.fetch("SELECT * FROM saga_steps ORDER BY number")
        zombie.send_signal(signal.SIGCONT)
        # It has its answer, and a second to do something with it.
        await asyncio.sleep(1.5)
        assert await creator.pool.fetch("SELECT * FROM saga_steps ORDER BY number") == before
        assert max(effects(running).values()) == 1
        assert "saga_fenced" in running.log.read_text()
    owners = [(step["to_state"], step["epoch"]) for step in before]
    assert owners[-1][1] > next(epoch for state, epoch in owners if state == "sending")


async def test_what_was_kept_is_applied_after_a_kill(creator: Creator, tmp_path: Path) -> None:
    """The door dies after it kept a word and before it told anybody; the one that follows does."""
    with rails(creator.url, tmp_path) as running:
        saga_id = await creator.asks(20_000, "k")
        await creator.until(1)
        running.kill(DOOR)
        operation_id = await creator.pool.fetchval("SELECT id FROM provider_operations WHERE saga_id = $1", saga_id)
        operation = Operation(operation_id, saga_id, PAYOUT, OperationKind.PAYOUT, Rail.BANK, 20_000)
        body = json.dumps(
            {
                "transaction_id": "t", "client_reference_id": client_reference(operation), "amount": "200.00",
                "fees": "0.50", "disbursement_status": "returned", "status_description": "closed account",
            }
        ).encode()  # fmt: skip
        await creator.pool.execute(
            "INSERT INTO provider_inbox (provider, event_id, raw) VALUES ('paymob_payouts', 'e', $1)", body
        )
        running.start(DOOR)
        assert (await creator.until(1, {"returned"}))[saga_id] == "returned"


async def test_the_door_keeps_what_is_signed_once_and_nothing_else(creator: Creator, tmp_path: Path) -> None:
    with rails(creator.url, tmp_path) as running:
        address = f"{running.door_url}/callbacks/paymob_payouts"
        body = b'{"client_reference_id": "no uuid", "amount": "1.00"}'
        signature = hmac.new(KEY.encode(), body, hashlib.sha512).hexdigest()
        async with httpx.AsyncClient() as client:
            assert [
                (await client.post(url, content=content, headers={"x-signature": signed})).status_code
                for url, content, signed in (
                    (address, body, signature),
                    (address, body, signature),
                    (address, body + b" ", signature),
                    (address, body, ""),
                    (address, b"x" * 70_000, signature),
                    (f"{running.door_url}/callbacks/paymob", b"[1]", signature),
                    (f"{running.door_url}/callbacks/nobody", body, signature),
                )
            ] == [200, 200, 401, 401, 413, 400, 404]
        for _ in range(200):
            if not await creator.pool.fetchval("SELECT count(*) FROM provider_inbox WHERE applied_at IS NULL"):
                break
            await asyncio.sleep(0.05)
        rows = await creator.pool.fetch("SELECT provider, raw, problem FROM provider_inbox")
        assert [tuple(row) for row in rows] == [("paymob_payouts", body, "senseless")]


async def test_many_payouts_in_a_storm_of_faults_are_each_paid_once(creator: Creator, tmp_path: Path) -> None:
    """Everything at once, by seed, while runner, provider and door are killed."""
    faults = "decline=0.1,lose_answer=0.2,lose_request=0.2,later=0.3,return=0.1,repeat=0.3,forge=0.2,silent=0.2"
    with rails(creator.url, tmp_path, sandbox={"SANDBOX_FAULTS": faults, "SANDBOX_SEED": "7"}) as running:
        sagas = [await creator.asks(11_200, f"k{number}") for number in range(12)]
        waiting = asyncio.create_task(creator.until(len(sagas), patience_s=60))
        for module in (
            "services.payments.workers.sagas",
            "dev.sandbox_provider",
            "services.payments.workers.callbacks",
        ):
            await asyncio.sleep(0.7)
            running.kill(module)
            await asyncio.sleep(0.1)
            running.start(module)
        await waiting
        running.wait_for(running.sandbox_url)
        # What comes back comes back later.
        await asyncio.sleep(1.0)
        found = await creator.until(len(sagas))
        lines = running.operations()
    assert max(line["effects"] for line in lines) == 1
    kept = sum(line["effects"] for line in lines if line["state"] == "succeeded")
    states = Counter(found.values())
    assert states["paid"] == kept
    assert states["declined"] == sum(line["state"] == "declined" for line in lines)
