"""Loading files for real: the rows and events that the write path would have left, once, and each event positioned."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from daira.events.v1 import events_pb2
from dev.loader.command import LOAD_PASSWORD
from dev.loader.community import Calendar, Community
from dev.loader.edges import Graph
from dev.loader.importing import ImportOrder, import_community
from dev.loader.log_order import give_positions
from dev.loader.progress import Row
from dev.loader.spread import spread
from dev.ports import free_port

pytestmark = pytest.mark.stores
ROOT = Path(__file__).resolve().parents[3]
PEOPLE = 30
GRAPH = Graph(
    names=[str(number) for number in range(PEOPLE)],
    edges=[(left, right) for left in range(PEOPLE) for right in range(left) if (left + right) % 4 == 0],
    repeated=0,
    broken=0,
)


class Silent:
    def track(self, label: str, rows: Iterable[Row], total: int) -> Iterable[Row]:  # noqa: ARG002 - as the protocol
        return rows

    def say(self, text: str) -> None:  # noqa: ARG002 - as the protocol
        return


def draw(calendar: Calendar, batch: str = "aa00") -> Community:
    return spread(
        GRAPH, ["صباح الخير", "Is it true?", "see https://example.com/x"], calendar,
        label="tiny", batch=batch, seed=3, posts_count=200, likes_per_post=2.0, both_ways=False,
    )  # fmt: skip


@pytest.fixture
def order(migrated_database: Callable[[str], str]) -> ImportOrder:
    return ImportOrder(
        batch="aa00",
        auth_url=migrated_database("auth"),
        social_url=migrated_database("social"),
        days=30,
        draw=draw,
        password="a password",
    )


async def test_rows_and_events_are_those_of_the_write_path(order: ImportOrder) -> None:
    outcome = await import_community(order, Silent())
    expected = draw(Calendar(outcome.anchor_ms, 30))
    assert outcome.changed
    assert outcome.counts == {
        "people": PEOPLE,
        "follows": len(GRAPH.edges),
        "posts": 200,
        "likes": len(expected.likes),
        "reposts": 0,
        "feedback": 0,
    }
    social = await asyncpg.connect(order.social_url)
    try:
        follows = {tuple(row) for row in await social.fetch("SELECT follower_id, followee_id FROM follows")}
        assert follows == {(follow.follower_id, follow.followee_id) for follow in expected.follows}
        assert {tuple(row) for row in await social.fetch("SELECT id, author_id, body FROM posts")} == set(
            expected.posts
        )
        events = await social.fetch(
            "SELECT kind, aggregate_id, actor_id, payload, occurred_at FROM events ORDER BY seq"
        )
        posted = [row for row in events if row["kind"] == "post_created"]
        assert [row["aggregate_id"] for row in posted] == [post.post_id for post in expected.posts]
        payload = events_pb2.PostCreated.FromString(posted[0]["payload"])
        assert payload.body == expected.posts[0].body
        assert payload.language in {"ar", "en"}
        liked = {(row["actor_id"], row["aggregate_id"]) for row in events if row["kind"] == "post_liked"}
        assert liked == {(like.user_id, like.post_id) for like in expected.likes}
        # No like stands in the log before its post.
        seen: set[int] = set()
        for row in events:
            assert row["kind"] != "post_liked" or row["aggregate_id"] in seen
            seen.add(row["aggregate_id"])
    finally:
        await social.close()


async def test_loading_twice_changes_nothing(order: ImportOrder) -> None:
    first = await import_community(order, Silent())
    second = await import_community(order, Silent())
    assert not second.changed
    assert (second.anchor_ms, second.counts) == (first.anchor_ms, first.counts)
    social = await asyncpg.connect(order.social_url)
    try:
        assert await social.fetchval("SELECT count(*) FROM profiles") == PEOPLE
    finally:
        await social.close()


async def test_a_load_cut_short_between_the_databases_goes_on(order: ImportOrder) -> None:
    nowhere = order.social_url.rsplit("/", 1)[0] + "/no_such_database"
    auth = await asyncpg.connect(order.auth_url)
    try:
        with pytest.raises(Exception, match="SOCIAL_DATABASE_URL"):
            await import_community(replace(order, social_url=nowhere), Silent())
        outcome = await import_community(order, Silent())
        social = await asyncpg.connect(order.social_url)
        profiles = {row[0] for row in await social.fetch("SELECT user_id FROM profiles")}
        await social.close()
        assert profiles == {row[0] for row in await auth.fetch("SELECT user_id FROM accounts")}
        assert outcome.changed
    finally:
        await auth.close()


async def test_every_event_gets_a_position_also_those_of_a_later_load_of_older_times(order: ImportOrder) -> None:
    await import_community(order, Silent())
    await give_positions(order.social_url)
    later = replace(order, batch="bb11", draw=lambda calendar: draw(Calendar(calendar.now_ms - 999, 30), "bb11"))
    await import_community(later, Silent())
    for url in (order.auth_url, order.social_url):
        await give_positions(url)
        connection = await asyncpg.connect(url)
        try:
            events = await connection.fetchval("SELECT count(*) FROM events")
            assert events == await connection.fetchval("SELECT count(*) FROM event_positions")
            assert events == await connection.fetchval("SELECT last_pos FROM relay_state")
        finally:
            await connection.close()


def test_the_command_loads_without_a_run_and_tells_broken_lines(store_folder: Path, tmp_path: Path) -> None:
    graph, posts = tmp_path / "g.edges", tmp_path / "p.csv"
    graph.write_text("1 2\n2 3\nbroken\n3 1\n", encoding="utf-8")
    posts.write_text("tweet,n\nأهلا,1\nevil \u202e,2\nhello,3\n", encoding="utf-8")
    home = store_folder / f"home-{secrets.token_hex(3)}"
    settings = {"PATH": os.environ["PATH"], "DAIRA_HOME": str(home), "POSTGRES_PORT": str(free_port())}
    command = [sys.executable, "-m", "dev.cli", "load", "--graph", str(graph), "--posts", str(posts)]

    def load() -> str:
        answer = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    said = load()
    assert "g.edges, line 3: expected two names: 'broken'; skipped" in said
    assert "p.csv, line 3: tweet: must not contain bidirectional control characters; skipped" in said
    assert "loaded 3 people, 3 follows, 2 posts" in said
    assert f"password {LOAD_PASSWORD}" in said
    assert "nothing was changed" in load()
