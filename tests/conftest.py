"""Fixtures of real stores, started lazily once per pytest process (so once per xdist worker), gone even after SIGKILL.

`TEST_POSTGRES_URL` (a role that may create databases), `TEST_REDIS_URL` and `TEST_CLICKHOUSE_URL` name servers instead.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis as redis_client
from hypothesis import HealthCheck, settings

from dev.stores.postgres_server import EmbeddedPostgres
from dev.stores.redis_server import EmbeddedRedis
from tests.e2e.faults.report import FAULT_ROW, Row, table_of
from tests.stores import PostgresForTests, make_folder, start_postgres, start_redis

REDIS_DATABASES = 16
# A test that uses one of these talks to a store that TEST_*_URL may name; `make test-stores` runs just those.
STORE_FIXTURES = {"postgres_server", "redis_server", "clickhouse_url"}

# How fast a busy machine draws inputs, or runs one of them, says nothing about a property.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of stores by what they use, so that none is forgotten."""
    for item in items:
        if STORE_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.stores)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the table of faults, whichever process they were inflicted from."""
    rows = [
        Row(*value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in getattr(report, "user_properties", ())
        if name == FAULT_ROW and report.when == "call"
    ]
    if rows:
        terminalreporter.write_line(table_of(rows))


@pytest.fixture(scope="session")
def store_folder() -> Iterator[Path]:
    """The folder of this process's stores."""
    folder = make_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[PostgresForTests]:
    """The PostgreSQL server of this process: `.url` is the administrator's, `.admin` makes databases and roles."""
    url = os.environ.get("TEST_POSTGRES_URL")
    embedded = None if url else start_postgres(request.getfixturevalue("store_folder"))
    server = PostgresForTests(embedded.url if embedded else str(url))
    yield server
    server.close()
    if embedded:
        embedded.stop()


@pytest.fixture
def postgres_database(postgres_server: PostgresForTests) -> Iterator[Callable[[str], str]]:
    """Makes empty databases: `postgres_database("social")` is a URL; all are dropped after the test."""
    made: list[str] = []

    def make(label: str) -> str:
        name, url = postgres_server.create(label)
        made.append(name)
        return url

    yield make
    for name in made:
        postgres_server.admin.drop_database(name)


@pytest.fixture
def postgres_url(postgres_database: Callable[[str], str]) -> str:
    """The URL of an empty database of the test's own."""
    return postgres_database("one")


@pytest.fixture
def migrated_database(postgres_server: PostgresForTests) -> Iterator[Callable[[str], str]]:
    """Makes databases with a service's migrations applied: `migrated_database("social")`; copied, so fast."""
    made: list[str] = []

    def make(service: str) -> str:
        name, url = postgres_server.create(service, postgres_server.migrated_template(service))
        made.append(name)
        return url

    yield make
    for name in made:
        postgres_server.admin.drop_database(name)


@pytest.fixture
def killable_postgres(store_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A server of the test's own, to `.kill()` and `.start()` again; always embedded."""
    name = f"killable_{secrets.token_hex(4)}"
    server = start_postgres(store_folder, name)
    yield server
    server.stop()
    shutil.rmtree(store_folder / name, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest, worker_id: str) -> Iterator[str]:
    """The URL of this process's Redis database (its own server, or its own database number of the one named)."""
    named = os.environ.get("TEST_REDIS_URL")
    if named:
        number = int(worker_id.removeprefix("gw") or "0") if worker_id != "master" else 0
        parts = urlsplit(named)
        yield urlunsplit(parts._replace(path=f"/{number % REDIS_DATABASES}"))
        return
    server = start_redis(request.getfixturevalue("store_folder"))
    yield server.url
    server.stop()


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of an empty Redis database."""
    with redis_client.Redis.from_url(redis_server) as client:
        client.flushdb()
        if not os.environ.get("TEST_REDIS_URL"):
            # The scripts of a server are everybody's: flushed only where nobody else is.
            client.script_flush()
    return redis_server


@pytest.fixture
def killable_redis(store_folder: Path) -> Iterator[EmbeddedRedis]:
    """A server of the test's own that keeps nothing on disk, to `.kill()` and `.start()` again; always embedded."""
    name = f"killable_{secrets.token_hex(4)}"
    server = start_redis(store_folder, name)
    yield server
    server.stop()
    shutil.rmtree(store_folder / name, ignore_errors=True)


@pytest.fixture
def clickhouse_url(tmp_path: Path) -> Iterator[str]:
    """A ClickHouse of the test's own: a folder for the embedded engine, or a new database of the server named."""
    named = os.environ.get("TEST_CLICKHOUSE_URL")
    if not named:
        yield f"chdb://{tmp_path}/clickhouse"
        return
    from clickhouse_driver import Client

    database = f"t_{os.getpid()}_{secrets.token_hex(4)}"
    with Client.from_url(named) as client:
        client.execute(f"CREATE DATABASE {database}")
        yield urlunsplit(urlsplit(named)._replace(path=f"/{database}"))
        client.execute(f"DROP DATABASE {database}")
