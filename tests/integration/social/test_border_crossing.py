"""Authors cross the fan-in border to and fro, and parts lag, die and forget: nobody misses a post or sees it twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.social.adapters import feature_feed
from tests.integration.social.village import FANS, Act, Village, village

pytestmark = pytest.mark.stores

SOME = st.integers(1, 6)
REPLICA = FAN_OUT = st.integers(0, 1)
FAN = st.integers(0, FANS - 1)
ACTS: st.SearchStrategy[Act] = st.one_of(
    st.tuples(st.just("post"), st.sampled_from([0, 0, 1])),
    st.tuples(st.just("cross"), REPLICA),
    st.tuples(st.just("fan_out"), FAN_OUT, SOME),
    st.tuples(st.just("replicate"), REPLICA, SOME),
    st.tuples(st.just("settle"), REPLICA),
    st.tuples(st.just("job"), FAN_OUT),
    st.tuples(st.just("die"), FAN_OUT, SOME, st.integers(0, 12)),
    st.tuples(st.just("redis"), st.sampled_from(["save", "older", "empty"])),
    st.tuples(st.just("rarely"), st.one_of(
        st.tuples(st.just("project"), SOME),
        st.tuples(st.just("follow"), FAN, REPLICA),
        st.tuples(st.just("unfollow"), FAN, REPLICA),
        st.tuples(st.just("delete"), st.integers(0, 3)),
    )),
)  # fmt: skip

READ, SETTLE, POST = ("everybody_reads",), ("settle", 0), ("post", 0)
IN = OUT = ("cross", 0)
JOBS = [("job", 0)] * 3
KNOWN: dict[str, list[Act]] = {
    # The fan-out comes to a post after the projector has crossed; replicas know the post and not yet the crossing.
    "published before the crossing in": [
        SETTLE, ("settle", 1), READ, POST, IN, ("fan_out", 0, 50), *JOBS, ("replicate", 0, 1), READ, SETTLE, READ,
    ],
    "published behind the crossing in": [SETTLE, READ, IN, POST, SETTLE, READ, ("settle", 1), READ],
    "applied again after the crossing in": [
        SETTLE, READ, ("redis", "save"), POST, IN, ("fan_out", 0, 50), *JOBS, ("redis", "older"), *JOBS,
        ("replicate", 0, 1), READ, SETTLE, READ,
    ],
    "published while beyond the border": [
        SETTLE, READ, IN, SETTLE, POST, SETTLE, READ, OUT, ("fan_out", 0, 50), READ, SETTLE, READ, POST, SETTLE, *JOBS,
        READ,
    ],
    "across four times before the fan-out looks": [
        SETTLE, READ, IN, POST, OUT, POST, IN, POST, OUT, POST, ("replicate", 0, 50),
        *[act for _ in range(14) for act in (("fan_out", 0, 1), READ)], *JOBS, READ,
    ],
    "the same, by a fan-out that is behind": [
        SETTLE, READ, IN, POST, OUT, POST, IN, POST, ("settle", 0), *JOBS, READ,
        *[act for _ in range(14) for act in (("fan_out", 1, 1), READ)],
    ],
    "a job of before the crossing, in the middle of it": [
        SETTLE, ("settle", 1), READ, POST, ("fan_out", 0, 50), ("job", 0), IN, ("fan_out", 0, 50), ("replicate", 0, 1),
        READ, *JOBS, READ, SETTLE, READ,
    ],
    "Redis forgets the second half of a job": [
        SETTLE, READ, POST, SETTLE, ("job", 0), ("redis", "save"), *JOBS, READ, POST, SETTLE, *JOBS, ("redis", "older"),
        READ, *JOBS, READ,
    ],
    "Redis forgets the first half of a job": [
        SETTLE, READ, ("redis", "save"), POST, SETTLE, ("job", 0), ("redis", "older"), *JOBS, READ,
    ],
    "Redis forgets a way out": [
        SETTLE, READ, IN, SETTLE, POST, SETTLE, ("redis", "save"), OUT, SETTLE, READ, ("redis", "older"), READ,
    ],
    "Redis forgets everything": [
        SETTLE, READ, POST, SETTLE, ("job", 0), ("redis", "empty"), READ, *JOBS, POST, SETTLE, *JOBS, READ,
    ],
}  # fmt: skip


@pytest.fixture
def there(
    social_database: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[asyncio.Runner, Village]]:
    """A village, and what runs it."""
    # A replica here moves only when it is told to: waiting for it is of no use.
    monkeypatch.setattr(feature_feed, "_REACH_PATIENCE_S", 0.0)
    with asyncio.Runner() as runner:
        opened = village(social_database, redis_url)
        yield runner, runner.run(opened.__aenter__())
        runner.run(opened.__aexit__(None, None, None))


def test_what_is_known_to_be_hard(there: tuple[asyncio.Runner, Village]) -> None:
    runner, people = there
    for name, acts in KNOWN.items():
        try:
            runner.run(people.live(acts))
        except AssertionError as error:
            raise AssertionError(name) from error


@pytest.mark.parametrize("calls", range(1, 26))
def test_the_fan_out_dies_at_any_of_its_calls_on_a_way_in_and_out(
    there: tuple[asyncio.Runner, Village], calls: int
) -> None:
    runner, people = there
    acts: list[Act] = [SETTLE, READ, POST, IN, POST, ("die", 0, 50, calls), READ, SETTLE, READ, POST, OUT, POST]
    runner.run(people.live([*acts, ("die", 0, 50, calls), READ, SETTLE, READ, *JOBS, READ]))


def test_whatever_lags_dies_or_forgets_nobody_misses_or_doubles_a_post(there: tuple[asyncio.Runner, Village]) -> None:
    runner, people = there

    @settings(max_examples=50, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(acts=st.lists(ACTS, min_size=20, max_size=80))
    def play(acts: list[Act]) -> None:
        runner.run(people.live(acts))

    play()
    assert runner.run(people.replicas[0].counts("author_fan_mode_changed")) > 100
