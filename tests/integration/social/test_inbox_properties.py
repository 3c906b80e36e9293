"""Whatever builds, pushes, cuts and forgettings meet: no complete inbox lacks a post above its floor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from services.chassis.ids import compose
from services.chassis.redis_client import create_redis
from services.social.adapters import redis_inbox
from services.social.adapters.redis_inbox import RedisInboxes
from services.social.domain.inbox import floor_of

T = TypeVar("T")
READER, OTHER = 77, 78
# Small, so that few steps go far.
CAP, TRIM_ABOVE = 8, 12
START_MS = 1_780_000_000_000
# How far the moment in a post's id may lie behind its arrival.
LATE_MS = st.one_of(st.just(0), st.integers(0, 10_000), st.integers(0, 10 * 60_000))
FAN_OUT = st.sampled_from([0, 1])

pytestmark = pytest.mark.stores


@dataclass
class Truth:
    """What Postgres would have, what is still to be fanned out, and what has been."""

    clock_ms: int = START_MS
    committed: list[int] = field(default_factory=list)
    to_push: list[int] = field(default_factory=list)
    pushed: list[int] = field(default_factory=list)

    def newest(self) -> list[int]:
        return sorted(self.committed, reverse=True)[: CAP + 1]


class InboxMachine(RuleBasedStateMachine):
    """One reader's inbox, several builders, one or two fan-outs."""

    redis_url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.redis = create_redis(self.redis_url, timeout_s=5.0, client_name="inbox-test")
        self.fan_outs = [RedisInboxes(self.redis), RedisInboxes(self.redis)]
        self.truth = Truth()
        self.builds: list[tuple[int, list[int]]] = []
        self.run(self.redis.flushdb())
        self.number = 0

    def run(self, call: Awaitable[T]) -> T:
        """Wait for a call."""

        async def called() -> T:
            return await call

        return self.runner.run(called())

    @rule(commits=st.lists(st.tuples(st.integers(1, 3000), LATE_MS), min_size=1, max_size=14), pushed=st.booleans())
    def posts_are_written(self, commits: list[tuple[int, int]], *, pushed: bool) -> None:
        """In the order of their commits, which is not that of their ids."""
        ids = []
        for step_ms, late_ms in commits:
            self.truth.clock_ms += step_ms
            self.number += 1
            ids.append(compose(self.truth.clock_ms - late_ms, 5, self.number % 4096))
        self.truth.committed += ids
        self.truth.to_push += ids
        if pushed:
            self.some_are_pushed(0, len(self.truth.to_push))

    @precondition(lambda self: self.truth.to_push)
    @rule(which=FAN_OUT, count=st.integers(1, 14))
    def some_are_pushed(self, which: int, count: int) -> None:
        batch, self.truth.to_push = self.truth.to_push[:count], self.truth.to_push[count:]
        self._push(which, batch)
        self.truth.pushed += batch

    @precondition(lambda self: self.truth.pushed)
    @rule(which=FAN_OUT, count=st.integers(1, 5))
    def some_are_pushed_again(self, which: int, count: int) -> None:
        self._push(which, self.truth.pushed[-count:])

    @rule(which=FAN_OUT)
    def somebody_else_gets_one(self, which: int) -> None:
        """Which has the long ones cut."""
        self.run(self.fan_outs[which].push(self.number + 1, [OTHER]))

    @rule(whole=st.booleans())
    def a_build_begins(self, *, whole: bool) -> None:
        nonce = self.run(self.fan_outs[0].begin(READER))
        if nonce is not None:
            self.builds.append((nonce, self.truth.newest()))
            if whole:
                self.a_build_ends(-1)

    @precondition(lambda self: self.builds)
    @rule(index=st.integers(0, 3))
    def a_build_ends(self, index: int) -> None:
        nonce, newest = self.builds.pop(index % len(self.builds))
        self.run(self.fan_outs[0].finish(READER, nonce, newest))

    @rule(what=st.sampled_from(["inbox", "scripts", "nothing", "nothing"]))
    def something_is_forgotten(self, what: str) -> None:
        if what == "inbox":
            self.run(self.fan_outs[0].invalidate([READER]))
        elif what == "scripts":
            self.run(self.redis.script_flush())

    @invariant()
    def nothing_is_missing_above_the_floor(self) -> None:
        entries = self.run(self.fan_outs[0].read(READER))
        if entries is None:
            return
        floor = floor_of(entries)
        ids = {int(entry) for entry in entries} - {0}
        assert ids <= set(self.truth.committed)
        assert {post_id for post_id in self.truth.pushed if post_id >= floor} <= ids
        if floor:
            assert int(entries[-1]) < floor
            assert len(entries) > CAP

    def _push(self, which: int, post_ids: list[int]) -> None:
        before = self.run(self.redis.llen(f"inbox:{READER}"))
        self.run(self.fan_outs[which].push_many([(post_id, [READER]) for post_id in post_ids]))
        after = self.run(self.redis.llen(f"inbox:{READER}"))
        # What was too long before was found out by a push, and cut with this one or the next.
        assert after <= max(before, TRIM_ABOVE) + len(post_ids)

    def teardown(self) -> None:
        self.run(self.redis.aclose())
        self.runner.close()


@pytest.fixture
def machine(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> type[InboxMachine]:
    monkeypatch.setattr(redis_inbox, "CAP", CAP)
    monkeypatch.setattr(redis_inbox, "TRIM_ABOVE", TRIM_ABOVE)
    return type("Machine", (InboxMachine,), {"redis_url": redis_url})


def test_no_complete_inbox_ever_lacks_a_post_above_its_floor(machine: type[InboxMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
