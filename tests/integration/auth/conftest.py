"""auth on a database of the test's own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

import pytest

from tests.fakes.clock import FixedClock
from tests.integration.auth.server import Running, running


@pytest.fixture
def clock() -> FixedClock:
    """Stands at now: the database has a clock of its own."""
    return FixedClock(time.time_ns() // 1_000_000)


@pytest.fixture
def auth_database(migrated_database: Callable[[str], str]) -> str:
    """The URL of a migrated database."""
    return migrated_database("auth")


@pytest.fixture
async def auth(auth_database: str, clock: FixedClock) -> AsyncIterator[Running]:
    """The service."""
    async with running(auth_database, clock) as service:
        yield service
