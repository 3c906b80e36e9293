"""Every feed served through the gateway is the feed that the oracle computes from the events."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import asyncpg
import pytest

from dev.loader.command import LOAD_PASSWORD
from dev.scratch_platform import ScratchPlatform
from gateway import opaque_ids
from tests.e2e.conftest import SEED, graph_and_posts
from tests.e2e.history import recorded_events
from tests.e2e.people import Person
from tests.oracles import feed as oracle

# Ranking in plain Python takes its time; people are drawn anew when SEED changes.
RANKED_READERS = 40
LATEST_READERS = 120

pytestmark = [pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def state(loaded_platform: ScratchPlatform) -> oracle.State:
    events = asyncio.run(recorded_events(loaded_platform.endpoints["SOCIAL_DATABASE_URL"]))
    return oracle.replay(events)


@pytest.fixture(scope="module")
def readers(loaded_platform: ScratchPlatform) -> Iterator[list[Person]]:
    """Loaded people, drawn by seed, signed in."""

    async def phones() -> list[str]:
        connection = await asyncpg.connect(loaded_platform.endpoints["AUTH_DATABASE_URL"])
        try:
            rows = await connection.fetch("SELECT phone FROM accounts WHERE phone IS NOT NULL ORDER BY user_id")
        finally:
            await connection.close()
        return [row["phone"] for row in rows]

    chosen = random.Random(SEED).sample(asyncio.run(phones()), LATEST_READERS)
    with ThreadPoolExecutor(4) as pool:
        yield list(pool.map(lambda phone: Person.signs_in(loaded_platform, phone, LOAD_PASSWORD), chosen))


def number_of(opaque: str) -> int:
    return opaque_ids.decode(opaque, "id")[1]


def test_latest_feeds_are_complete_and_in_order(readers: list[Person], state: oracle.State) -> None:
    for reader in readers:
        served = [number_of(item["post"]["id"]) for item in reader.feed("LATEST", page=100)]
        assert served == oracle.home_feed(state, number_of(reader.user_id), 0, "latest")


def test_ranked_feeds_are_the_oracles_to_the_last_post(readers: list[Person], state: oracle.State) -> None:
    compared, tallies = 0, oracle.tally(state)
    for reader in readers[:RANKED_READERS]:
        pages = reader.feed_pages("RANKED", page=100, pages=1000)
        moments = {page["rankedAt"] for page in pages}
        assert len(moments) == 1, "one scroll has one moment"
        assert not any(page["degraded"] for page in pages)
        now_ms = round(datetime.fromisoformat(moments.pop()).timestamp() * 1000)
        served = [number_of(edge["node"]["post"]["id"]) for page in pages for edge in page["edges"]]
        assert served == oracle.home_feed(state, number_of(reader.user_id), now_ms, "ranked", tallies=tallies)
        compared += len(served)
    assert compared > RANKED_READERS, "the graph gave nobody anything to read"


def test_some_authors_are_merged_at_read(loaded_platform: ScratchPlatform) -> None:
    async def merged() -> int:
        connection = await asyncpg.connect(loaded_platform.endpoints["SOCIAL_DATABASE_URL"])
        try:
            return int(await connection.fetchval("SELECT count(*) FROM author_counters WHERE fan_in"))
        finally:
            await connection.close()

    assert asyncio.run(merged()) > 0, "the border of fan-in is out of reach: half of the feed was not tested"


def test_loading_again_changes_nothing(
    loaded_platform: ScratchPlatform, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def size_of_log() -> int:
        connection = await asyncpg.connect(loaded_platform.endpoints["SOCIAL_DATABASE_URL"])
        try:
            return int(await connection.fetchval("SELECT count(*) FROM events"))
        finally:
            await connection.close()

    before = asyncio.run(size_of_log())
    graph, posts = graph_and_posts(tmp_path_factory.mktemp("again"))
    # A copy elsewhere with the same content is the same load.
    said = loaded_platform.daira("load", "--graph", str(graph), "--posts", str(posts), "--seed", str(SEED)).stdout
    assert asyncio.run(size_of_log()) == before, said
