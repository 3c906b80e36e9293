"""One SQL for every ClickHouse: what is stored twice counts once, whatever the engine."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.analytics.adapters.clickhouse.embedded import EmbeddedClickHouse
from services.analytics.adapters.clickhouse.engine import ClickHouse
from services.analytics.adapters.clickhouse.event_store import ClickHouseEventStore
from services.analytics.adapters.clickhouse.schema import STEPS, migrate
from services.analytics.adapters.clickhouse.server import ServerClickHouse
from services.analytics.adapters.event_codec import decode_event
from services.analytics.application.ports import Mark
from services.analytics.domain.figures import AuthorFigures
from services.analytics.domain.recorded_event import RecordedEvent
from services.chassis.errors import AppError, ErrorKind
from tests.integration.analytics.owners import event

ROOT = Path(__file__).resolve().parents[3]
NIGHT = datetime(2026, 10, 31, 21, 59, 58, tzinfo=UTC)
NASTY = "أهلا 👋 \t \n ' \" \\ %s %(x)s {a:Int64} \\N \u0001 -- ; VALUES ('"

pytestmark = pytest.mark.stores


def recorded(pos: int, kind: str, at: datetime, **values: Any) -> RecordedEvent:
    return decode_event(event(pos, kind, at=at, **values).SerializeToString())


async def test_figures_by_cairo_day_across_a_month(clickhouse: ClickHouse) -> None:
    store = ClickHouseEventStore(clickhouse)
    # 21:59:58 UTC and later in the first winter night: the day and the month change on the way.
    events = [recorded(pos, "post_liked", NIGHT + timedelta(seconds=pos), author_id=5) for pos in range(5)]
    events.append(recorded(9, "post_unliked", NIGHT + timedelta(seconds=9), author_id=5))
    await store.append(events)
    assert await store.author_days(5) == {
        date(2026, 10, 31): AuthorFigures(likes=2),
        date(2026, 11, 1): AuthorFigures(likes=2),
    }
    assert await store.author_days(6) == {}
    rows = await clickhouse.query("SELECT toString(cairo_day), count() FROM events GROUP BY cairo_day ORDER BY 1")
    assert [(day, int(count)) for day, count in rows] == [("2026-10-31", 2), ("2026-11-01", 4)]


async def test_stored_twice_counts_once_merged_or_not(clickhouse: ClickHouse) -> None:
    store = ClickHouseEventStore(clickhouse)
    events = [
        recorded(1, "tip_sent", NIGHT, recipient_id=5, amount_piastres=1000, fee_piastres=100, vat_piastres=14),
        recorded(2, "user_followed", NIGHT, aggregate_id=5),
        recorded(3, "post_created", NIGHT, actor_id=5, body="x", language="en"),
    ]
    expected = AuthorFigures(posts=1, followers=1, tips=1, tips_piastres=886)
    for _ in range(3):
        await store.append(events)
        assert list((await store.author_days(5)).values()) == [expected]
    await clickhouse.execute("OPTIMIZE TABLE author_facts FINAL")
    assert list((await store.author_days(5)).values()) == [expected]
    rows = await clickhouse.query("SELECT count(), uniqExact(event_id) FROM events FINAL")
    assert [tuple(map(int, row)) for row in rows] == [(3, 3)]


async def test_any_text_comes_back_as_it_was(clickhouse: ClickHouse) -> None:
    store = ClickHouseEventStore(clickhouse)
    greatest = (1 << 63) - 1
    await store.append(
        [recorded(1, "post_created", NIGHT, body=NASTY, language="ar", actor_id=greatest, aggregate_id=greatest)]
    )
    rows = await clickhouse.query("SELECT body, actor_id, toUnixTimestamp(occurred_at), occurred_at_us FROM events")
    body, actor_id, seconds, microseconds = rows[0]
    assert body == NASTY
    assert int(actor_id) == greatest
    assert int(seconds) == int(NIGHT.timestamp())
    assert int(microseconds) == int(NIGHT.timestamp()) * 1_000_000


async def test_marks_only_grow_and_belong_to_their_service(clickhouse: ClickHouse) -> None:
    store = ClickHouseEventStore(clickhouse)
    assert await store.marks() == {}
    for pos in (10, 500, 20):
        await store.mark("social", Mark(pos, NIGHT + timedelta(microseconds=pos)))
    await store.mark("auth", Mark(3, NIGHT))
    assert await store.marks() == {"social": Mark(500, NIGHT + timedelta(microseconds=500)), "auth": Mark(3, NIGHT)}


async def test_poison_is_kept_aside(clickhouse: ClickHouse) -> None:
    store = ClickHouseEventStore(clickhouse)
    for _ in range(2):
        await store.bury("social", 7, b"\xff\x00", "DecodeError: it's broken")
    rows = await clickhouse.query("SELECT service, pos, event_base64, error FROM dead_letters FINAL")
    assert [(service, int(pos), text, error) for service, pos, text, error in rows] == [
        ("social", 7, "/wA=", "DecodeError: it's broken")
    ]


async def test_the_schema_is_made_once_however_many_ask(clickhouse: ClickHouse) -> None:
    done = await asyncio.gather(*(migrate(clickhouse) for _ in range(3)))
    assert {name for names in done for name in names} == {f"{step.name}_v{step.version}" for step in STEPS}
    assert await migrate(clickhouse) == []


async def test_a_large_batch_goes_in_at_once(clickhouse: ClickHouse) -> None:
    store = ClickHouseEventStore(clickhouse)
    body = "ب" * 1000
    await store.append([recorded(pos, "post_created", NIGHT, actor_id=5, body=body) for pos in range(1, 5001)])
    assert (await store.author_days(5))[date(2026, 10, 31)].posts == 5000


async def test_data_outlive_the_process_that_wrote_them(tmp_path: Path) -> None:
    for round_ in range(2):
        clickhouse = EmbeddedClickHouse(tmp_path / "store")
        store = ClickHouseEventStore(clickhouse)
        assert (await store.marks()) == ({"social": Mark(9, NIGHT)} if round_ else {})
        await store.mark("social", Mark(9, NIGHT))
        await clickhouse.close()


async def test_a_folder_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    clickhouse = EmbeddedClickHouse(tmp_path / "file" / "store")
    with pytest.raises(AppError) as caught:
        await clickhouse.query("SELECT 1")
    assert caught.value.kind is ErrorKind.UNAVAILABLE
    await clickhouse.close()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    clickhouse = ServerClickHouse("clickhouse://default@127.0.0.1:1/none")
    store = ClickHouseEventStore(clickhouse)
    with pytest.raises(AppError) as caught:
        await store.author_days(1)
    assert (caught.value.kind, caught.value.reason) == (ErrorKind.UNAVAILABLE, "STORE_UNAVAILABLE")
    await clickhouse.close()


async def test_a_wrong_statement_is_an_error_and_not_an_absence(clickhouse: ClickHouse) -> None:
    with pytest.raises(Exception, match="missing_table") as caught:
        await clickhouse.query("SELECT * FROM missing_table")
    assert not isinstance(caught.value, AppError)
    assert await clickhouse.query("SELECT 1") == [(1,)]


async def test_a_folder_that_another_process_has_open_is_unavailable(tmp_path: Path) -> None:
    holder = EmbeddedClickHouse(tmp_path / "store")
    await ClickHouseEventStore(holder).mark("social", Mark(9, NIGHT))
    script = (
        "import asyncio, pathlib, sys\n"
        "from services.analytics.adapters.clickhouse.embedded import EmbeddedClickHouse\n"
        "asyncio.run(EmbeddedClickHouse(pathlib.Path(sys.argv[1])).query('SELECT 1'))\n"
    )
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path / "store"), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(other.communicate(), 60)
    assert other.returncode == 1
    assert b"STORE_UNAVAILABLE" in said
    assert (await ClickHouseEventStore(holder).marks())["social"].pos == 9
    await holder.close()
