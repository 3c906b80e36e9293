"""Recording batches: a load happens once, also when it is started twice at once, and not at all when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

import asyncpg
import pytest

from dev.errors import DevError
from dev.loader.accounts import load_accounts
from dev.loader.batches import batch_id, load_once, recorded
from dev.loader.community import Calendar, Community, IdMaker, Person
from dev.loader.progress import Row
from services.chassis.postgres import PostgresConnection

pytestmark = pytest.mark.stores
NOW_MS = 1_790_000_000_000


class Silent:
    def track(self, label: str, rows: Iterable[Row], total: int) -> Iterable[Row]:  # noqa: ARG002 - as the protocol
        return rows

    def say(self, text: str) -> None:  # noqa: ARG002 - as the protocol
        return


def community(people: int = 50) -> Community:
    ids = IdMaker()
    first_ms = Calendar(now_ms=NOW_MS, days=30).accounts_from_ms
    made = [
        Person(
            ids.user_id(first_ms + number), f"+2015{number:08d}", f"h_{number}", f"N {number}", "", first_ms + number
        )
        for number in range(people)
    ]
    return Community(people=made, follows=[], posts=[], likes=[])


async def load(connection: PostgresConnection) -> Mapping[str, int]:
    return await load_accounts(connection, community(), "a password", Silent())


def test_a_batch_is_named_by_what_it_is_of() -> None:
    assert batch_id({"graph": "a", "seed": 1}) == batch_id({"seed": 1, "graph": "a"})
    assert batch_id({"graph": "a", "seed": 1}) != batch_id({"graph": "a", "seed": 2})


async def test_accounts_and_their_events_are_loaded_once(migrated_database: Callable[[str], str]) -> None:
    url = migrated_database("auth")
    first, second = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        assert await recorded(first, "b") is None
        done = await asyncio.gather(load_once(first, "b", NOW_MS, load), load_once(second, "b", NOW_MS, load))
        assert sorted(done) == [False, True]
        assert not await load_once(first, "b", NOW_MS, load)
        assert await first.fetchval("SELECT count(*) FROM accounts") == 50
        events = await first.fetch("SELECT kind, count(*) AS n, min(occurred_at) AS since FROM events GROUP BY kind")
        assert [(row["kind"], row["n"]) for row in events] == [("user_registered", 50)]
        kept = await recorded(first, "b")
        assert kept is not None
        assert kept.anchor_ms == NOW_MS
        assert kept.counts == {"accounts": 50}
    finally:
        await first.close()
        await second.close()


async def test_a_load_that_fails_leaves_nothing(migrated_database: Callable[[str], str]) -> None:
    connection = await asyncpg.connect(migrated_database("auth"))
    try:
        taken = community().people[7].phone
        await connection.execute(
            "INSERT INTO accounts (phone, password_hash, register_key) VALUES ($1, 'x', 'k')", taken
        )
        with pytest.raises(DevError, match="1 of 50 accounts have a phone or an id that is taken"):
            await load_once(connection, "b", NOW_MS, load)
        assert await connection.fetchval("SELECT count(*) FROM accounts") == 1
        assert await recorded(connection, "b") is None
    finally:
        await connection.close()
