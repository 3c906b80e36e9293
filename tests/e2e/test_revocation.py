"""Signed out everywhere: every service of a running platform hears of it, and what they do when auth is not heard."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from dev.scratch_platform import GraphQLError, ScratchPlatform
from tests.e2e import short_memory
from tests.e2e.people import Person

SETTINGS = {"REVOCATION_STALE_AFTER_S": "3", "REVOCATION_POLL_S": "0.2"}
AWAY = "SERVICE_UNAVAILABLE"
# Seconds in which a loaded test machine must have done what takes a fraction of one.
PATIENCE_S = 20.0

SOCIAL_READ = "{ homeFeed(first: 1) { degraded } }"
PAYMENTS_READ = "{ wallet { balance { piastres } } }"
ANALYTICS_READ = "{ authorStats(days: 1) { total { posts } } }"
AUTH_READ = "{ me { sessions { items { isCurrent level } } } }"
READS = {"social": SOCIAL_READ, "payments": PAYMENTS_READ, "analytics": ANALYTICS_READ, "auth": AUTH_READ}


@pytest.fixture(scope="module")
def platform() -> Iterator[ScratchPlatform]:
    """A platform whose services forget auth's word soon."""
    command = [sys.executable, "-m", short_memory.__name__]
    with ScratchPlatform.started(demo=False, settings=SETTINGS, command=command) as started:
        yield started


def codes(person: Person, query: str) -> list[str]:
    """The codes of the errors of a query; none when it is answered."""
    try:
        person.asks(query)
    except GraphQLError as error:
        return error.codes
    return []


def is_refused(person: Person, query: str) -> bool:
    """Whether the query is refused as nobody's."""
    return codes(person, query) == ["UNAUTHENTICATED"]


def comes_true(condition: Callable[[], bool]) -> float:
    """Waits for it; how long it took, in seconds."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < PATIENCE_S, "it did not come true"
        time.sleep(0.02)
    return time.monotonic() - started


def test_every_service_refuses_the_tokens_of_a_session_that_was_ended(platform: ScratchPlatform) -> None:
    mona = Person.signs_up(platform, "mona")
    bystander = Person.signs_up(platform, "tarek")
    for query in READS.values():
        assert codes(mona, query) == []
    assert mona.asks("mutation { signOutEverywhere { endedCount } }") == {"signOutEverywhere": {"endedCount": 1}}
    took = {name: round(comes_true(partial(is_refused, mona, query)), 3) for name, query in READS.items()}
    print("seconds until refused:", took)  # noqa: T201 - shown by -s and when it fails
    for query in READS.values():
        assert codes(bystander, query) == []


def test_without_a_word_from_auth_reads_go_on_and_what_matters_waits(platform: ScratchPlatform) -> None:
    nour = Person.signs_up(platform, "nour")
    for query in READS.values():
        assert codes(nour, query) == []
    auth = platform.pid("auth")
    os.kill(auth, signal.SIGSTOP)
    try:
        comes_true(lambda: codes(nour, PAYMENTS_READ) == [AWAY])
        write = 'mutation { createPost(input: {body: "مساء الخير", idempotencyKey: "k"}) { post { id } } }'
        assert codes(nour, write) == [AWAY]
        assert codes(nour, SOCIAL_READ) == []
        assert codes(nour, ANALYTICS_READ) == []
    finally:
        os.kill(auth, signal.SIGCONT)
    comes_true(lambda: codes(nour, PAYMENTS_READ) == [])
    assert codes(nour, write) == []
