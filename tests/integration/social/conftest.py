"""social on stores of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from tests.integration.social.server import Social, running


@pytest.fixture
def social_database(migrated_database: Callable[[str], str]) -> str:
    """The URL of a migrated database."""
    return migrated_database("social")


@pytest.fixture
async def social(social_database: str, redis_url: str) -> AsyncIterator[Social]:
    """The service, with authors above 10 followers merged at read."""
    async with running(social_database, redis_url, SOCIAL_FAN_IN_THRESHOLD="10") as service:
        yield service
