"""A column store of the test's own, and what stands around analytics."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.analytics.adapters.clickhouse.engine import ClickHouse
from services.analytics.adapters.clickhouse.location import open_clickhouse
from services.chassis.redis_client import RedisClient, create_redis
from tests.integration.analytics.owners import Owners, make_owner


@pytest.fixture
async def clickhouse(clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    """The store: embedded, or the server named by TEST_CLICKHOUSE_URL."""
    opened = open_clickhouse(clickhouse_url)
    yield opened
    await opened.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisClient]:
    """An empty Redis."""
    client = create_redis(redis_url, timeout_s=1, client_name="test")
    yield client
    await client.aclose()


@pytest.fixture
async def owners() -> AsyncIterator[Owners]:
    """The owners of the logs."""
    made = make_owner()
    await made.start()
    yield made
    await made.stop()
