"""One payments process for the tests of this folder, on a database of its own; people in it are never reused."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import grpc.aio
import pytest

from services.chassis.postgres import PostgresPool, create_pool
from services.payments.adapters.postgres.ledger_upkeep import check_ledger
from tests.integration.payments.processes import Caller, PaymentsProcess, StandInAuth
from tests.integration.payments.runners import Runners
from tests.stores import PostgresForTests

_users = itertools.count(1_000_000)


@pytest.fixture(scope="session")
def stand_in_auth() -> Iterator[StandInAuth]:
    """Keys and tokens."""
    auth = StandInAuth()
    yield auth
    auth.close()


@pytest.fixture(scope="session")
def payments(
    postgres_server: PostgresForTests, stand_in_auth: StandInAuth, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PaymentsProcess]:
    """The running process."""
    name, url = postgres_server.create("payments", postgres_server.migrated_template("payments"))
    process = PaymentsProcess(url, stand_in_auth, tmp_path_factory.mktemp("payments") / "log")
    process.start()
    yield process
    process.stop()
    postgres_server.admin.drop_database(name)


@pytest.fixture
async def channel(payments: PaymentsProcess) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to it."""
    async with grpc.aio.insecure_channel(payments.address) as channel:
        yield channel


@pytest.fixture
def person(channel: grpc.aio.Channel, stand_in_auth: StandInAuth) -> Callable[[], Caller]:
    """Makes people nobody has seen before."""
    return lambda: Caller(channel, stand_in_auth, next(_users))


@pytest.fixture
def stranger() -> int:
    """A user id nobody has seen before."""
    return next(_users)


@pytest.fixture
async def database(payments: PaymentsProcess) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """The process's database; after the test its ledger must be right."""
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
        payments.environment["PAYMENTS_DATABASE_URL"]
    )
    yield connection
    problems = await check_ledger(connection)
    await connection.close()
    assert problems == []


@pytest.fixture
def migrated_url(migrated_database: Callable[[str], str]) -> str:
    """Where the ledger of `ledger_pool` is."""
    return migrated_database("payments")


@pytest.fixture
async def ledger_pool(migrated_url: str) -> AsyncIterator[PostgresPool]:
    """A ledger without a process, for tests of the postings themselves; after the test it must be right."""
    pool = await create_pool(migrated_url, application_name="test", min_size=1, max_size=16,
                             statement_timeout_ms=30_000)  # fmt: skip
    yield pool
    async with pool.acquire() as connection:
        problems = await check_ledger(connection)
    await pool.close()
    assert problems == []


@pytest.fixture
def log_of(tmp_path: Path) -> Path:
    """Where a process of the test's own logs."""
    return tmp_path / "payments.log"


@pytest.fixture
def runners(tmp_path: Path) -> Iterator[Runners]:
    """Runners of sagas of the test's own."""
    here = Runners(tmp_path)
    yield here
    here.close()
