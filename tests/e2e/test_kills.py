"""kill -9 in the middle of writing: what was acknowledged is there, once, in the log and in every follower's feed."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter

import pytest

from dev.scratch_platform import GraphQLError, ScratchPlatform
from tests.e2e.people import Person

WRITERS = 3
KILLS = 3
POSTS_EACH_MAX = 250
PATIENCE_S = 120.0

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("platform"), pytest.mark.timeout(600)]


def publish_until_acknowledged(author: Person, body: str) -> str:
    """Publishes under one key, again and again, until the platform says that it stands."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(GraphQLError, OSError, ValueError):
            return author.posts(body, key=f"k-{body.rsplit(' ', 1)[1]}")
        assert time.monotonic() < deadline, "the platform did not come back"
        time.sleep(0.1)


@pytest.mark.parametrize("victim", ["social", "social-relay", "social-fan-out", "redis", "social-projector"])
def test_nothing_acknowledged_is_lost_or_repeated(empty_platform: ScratchPlatform, victim: str) -> None:
    platform = empty_platform
    authors = [Person.signs_up(platform, f"author{n}") for n in range(WRITERS)]
    reader = Person.signs_up(platform, "reader")
    for author in authors:
        reader.does("follow", "profile { id }", userId=author.user_id)
    reader.feed()
    acknowledged: list[tuple[str, str]] = []

    killed = threading.Event()

    def write(number: int) -> None:
        for n in range(POSTS_EACH_MAX):
            if killed.is_set():
                break
            body = f"بوست من {victim} رقم {number}-{n}"
            acknowledged.append((publish_until_acknowledged(authors[number], body), body))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    kills, deadline = 0, time.monotonic() + PATIENCE_S
    while kills < KILLS:
        assert time.monotonic() < deadline, f"{victim} was not started again"
        time.sleep(0.7)
        with contextlib.suppress(LookupError):
            platform.kill(victim)
            kills += 1
    time.sleep(0.5)
    killed.set()
    for writer in writers:
        writer.join()
    asyncio.run(platform.settle(PATIENCE_S))

    assert len(acknowledged) >= WRITERS
    expected = dict(acknowledged)
    assert len(expected) == len(acknowledged), "two posts were acknowledged under one id"
    for mode in ("LATEST", "RANKED"):
        shown = Counter(item["post"]["id"] for item in reader.feed(mode))
        assert shown == Counter(expected.keys()), f"{mode} of {victim}: lost or repeated posts"
    bodies = {item["post"]["id"]: item["post"]["body"] for item in reader.feed()}
    assert bodies == expected
