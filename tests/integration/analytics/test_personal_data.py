"""What analytics holds about a person: figures and acts, in pages of any size."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.analytics.adapters.clickhouse.engine import ClickHouse
from services.analytics.adapters.clickhouse.event_store import ClickHouseEventStore
from services.analytics.adapters.clickhouse.personal_data import analytics_data
from tests.fakes.personal_records import gather
from tests.integration.analytics.test_event_store import NIGHT, recorded

pytestmark = pytest.mark.stores


async def test_figures_and_acts_are_there_once(clickhouse: ClickHouse) -> None:
    store = ClickHouseEventStore(clickhouse)
    events = [
        recorded(
            n, "post_created", NIGHT + timedelta(hours=n), actor_id=5, aggregate_id=n, body=f"بوست {n}", language="ar"
        )
        for n in range(1, 12)
    ]
    events.append(recorded(20, "post_liked", NIGHT, actor_id=6, aggregate_id=1, author_id=5))
    for _ in range(2):
        await store.append(events)
    data = analytics_data(store)
    found = await gather(data, 5)
    for size in (1, 3):
        assert await gather(data, 5, size) == found
    assert [record["body"] for record in found["event"]] == [f"بوست {n}" for n in range(1, 12)]
    assert found["event"][0] == {
        "service": "social", "kind": "post_created", "aggregate_id": "1", "author_id": "5", "post_id": "1",
        "language": "ar", "body": "بوست 1", "occurred_at": "2026-10-31T22:59:58+00:00",
    }  # fmt: skip
    assert sum(record["posts"] for record in found["figures_of_day"]) == 11
    assert sum(record["likes"] for record in found["figures_of_day"]) == 1
    # Whom a like was for is whose post it was; that it was given is of who gave it.
    assert [record["kind"] for record in (await gather(data, 6))["event"]] == ["post_liked"]
