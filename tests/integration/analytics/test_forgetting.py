"""Forgetting people in the column store: all of theirs, nothing of others', and for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from services.analytics.adapters.clickhouse.embedded import EmbeddedClickHouse
from services.analytics.adapters.clickhouse.engine import ClickHouse
from services.analytics.adapters.clickhouse.event_store import ClickHouseEventStore
from services.analytics.adapters.clickhouse.personal_data import analytics_data
from services.analytics.application.ingest import Ingest
from services.analytics.domain.recorded_event import RecordedEvent
from services.chassis.errors import AppError
from tests.fakes.clock import FixedClock
from tests.fakes.personal_records import gather
from tests.integration.analytics.test_consumption import Fragile
from tests.integration.analytics.test_event_store import NIGHT, recorded

GONE, FRIEND = 77, 78
PATIENCE_S = 30
pytestmark = pytest.mark.stores


def life() -> list[RecordedEvent]:
    """What the two did, as social and payments told."""
    return [
        recorded(1, "post_created", NIGHT, actor_id=GONE, aggregate_id=1, body="كلام منى", language="ar"),
        recorded(2, "post_created", NIGHT, actor_id=FRIEND, aggregate_id=2, body="كلام طارق", language="ar"),
        recorded(3, "post_liked", NIGHT, actor_id=FRIEND, aggregate_id=1, author_id=GONE),
        recorded(4, "post_liked", NIGHT, actor_id=GONE, aggregate_id=2, author_id=FRIEND),
        recorded(5, "user_followed", NIGHT, actor_id=GONE, aggregate_id=FRIEND),
        recorded(6, "user_followed", NIGHT, actor_id=FRIEND, aggregate_id=GONE),
        # A post whose number is the person's.
        recorded(7, "post_liked", NIGHT, actor_id=FRIEND, aggregate_id=GONE, author_id=FRIEND),
        recorded(8, "profile_created", NIGHT, actor_id=GONE, aggregate_id=GONE),
    ]


def goodbye() -> list[RecordedEvent]:
    """What social tells while it forgets them."""
    return [
        recorded(20, "post_unliked", NIGHT, actor_id=GONE, aggregate_id=2, author_id=FRIEND),
        recorded(21, "user_unfollowed", NIGHT, actor_id=GONE, aggregate_id=FRIEND),
        recorded(22, "post_deleted", NIGHT, actor_id=GONE, aggregate_id=1),
    ]


def told() -> list[RecordedEvent]:
    """Auth's log."""
    return [
        recorded(1, "session_started", NIGHT, service="auth", actor_id=GONE, aggregate_id=GONE, session_id=5),
        recorded(2, "account_deleted", NIGHT, service="auth", actor_id=0, aggregate_id=GONE),
    ]


async def rows_of(clickhouse: ClickHouse, user_id: int) -> int:
    counts = await clickhouse.query(
        f"SELECT (SELECT count() FROM events WHERE actor_id = {user_id} OR author_id = {user_id}"
        f" OR (aggregate_id = {user_id} AND kind IN ('session_started', 'account_deleted', 'profile_created')))"
        f" + (SELECT count() FROM author_facts WHERE author_id = {user_id})"
    )
    return int(counts[0][0])


async def becomes(clickhouse: ClickHouse, user_id: int, rows: int) -> None:
    """The engine deletes in the background."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := await rows_of(clickhouse, user_id)) != rows:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)


async def test_nothing_of_theirs_is_left_and_everything_of_others(clickhouse: ClickHouse) -> None:
    store = ClickHouseEventStore(clickhouse)
    await Ingest("social", store).store(life())
    before = await rows_of(clickhouse, FRIEND)
    await Ingest("auth", store).store(told())
    await becomes(clickhouse, GONE, 0)
    assert await gather(analytics_data(store), GONE) == {}
    # What the friend did with them went with them; likes and followers that the friend has stay, until social takes
    # them back.
    figures = (await gather(analytics_data(store), FRIEND))["figures_of_day"]
    assert [(day["posts"], day["likes"], day["followers"]) for day in figures] == [(1, 2, 1)]
    assert 0 < await rows_of(clickhouse, FRIEND) < before
    await Ingest("social", store).store(goodbye())
    figures = (await gather(analytics_data(store), FRIEND))["figures_of_day"]
    assert [(day["posts"], day["likes"], day["followers"]) for day in figures] == [(1, 1, 0)]
    assert await rows_of(clickhouse, GONE) == 0
    assert (await store.marks())["auth"].pos == 2


async def test_what_comes_late_or_again_is_not_stored(clickhouse: ClickHouse) -> None:
    store = ClickHouseEventStore(clickhouse)
    await Ingest("auth", store).store(told())
    await store.append(life())
    await becomes(clickhouse, GONE, 0)
    # Another process, which has to learn it from the store.
    await ClickHouseEventStore(clickhouse).append(life())
    await becomes(clickhouse, GONE, 0)


async def test_what_was_on_its_way_is_found_by_the_second_pass(clickhouse: ClickHouse) -> None:
    clock = FixedClock(int(NIGHT.timestamp() * 1000))
    store, slow = ClickHouseEventStore(clickhouse, clock), ClickHouseEventStore(clickhouse, clock)
    await slow.prepare()
    await store.forget([GONE])
    await slow.append(life())
    assert await rows_of(clickhouse, GONE) > 0
    assert await store.forget_again() == 0
    clock.advance(61)
    assert await store.forget_again() == 1
    await becomes(clickhouse, GONE, 0)
    assert await store.forget_again() == 0


@pytest.mark.parametrize("lost", ["forgotten", "events", "ingested"])
async def test_a_crash_on_the_way_is_done_again(clickhouse: ClickHouse, lost: str) -> None:
    fragile = Fragile(clickhouse)
    await ClickHouseEventStore(clickhouse).append(life())
    fragile.fail_after_insert_into.append(lost)
    events = [*told(), recorded(3, "session_started", NIGHT, service="auth", actor_id=FRIEND, aggregate_id=FRIEND)]
    with pytest.raises(AppError):
        await Ingest("auth", ClickHouseEventStore(fragile)).store(events)
    again = Ingest("auth", ClickHouseEventStore(fragile))
    assert await again.position() == (3 if lost == "ingested" else 0)
    await again.store(events)
    await becomes(clickhouse, GONE, 0)
    started = await clickhouse.query("SELECT uniqExact(event_id) FROM events WHERE kind = 'session_started'")
    assert [tuple(map(int, row)) for row in started] == [(1,)]


async def test_many_at_once(clickhouse: ClickHouse) -> None:
    store = ClickHouseEventStore(clickhouse)
    crowd: Sequence[int] = range(1 << 62, (1 << 62) + 1200)
    await store.append([recorded(n, "post_created", NIGHT, actor_id=each) for n, each in enumerate(crowd, 1)])
    await store.append([recorded(5000, "post_created", NIGHT + timedelta(days=40), actor_id=FRIEND)])
    await store.forget(crowd)
    for each in (crowd[0], crowd[600], crowd[-1]):
        await becomes(clickhouse, each, 0)
    assert await rows_of(clickhouse, FRIEND) == 2


async def test_a_restart_in_the_middle_goes_on_deleting(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    first = EmbeddedClickHouse(folder)
    store = ClickHouseEventStore(first)
    await store.append(life())
    await store.forget([GONE])
    await first.close()
    second = EmbeddedClickHouse(folder)
    await ClickHouseEventStore(second).prepare()
    await becomes(second, GONE, 0)
    await second.close()
