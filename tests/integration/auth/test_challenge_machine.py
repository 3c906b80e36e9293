"""A challenge under any order of answers, devices and time: one session at most, five tries, five minutes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from daira.auth.v1 import auth_service_pb2 as auth_pb
from tests.fakes.clock import FixedClock
from tests.integration.auth.factors import DEVICE, Factors
from tests.integration.auth.server import read_refusal, running

OTHER = auth_pb.Device(device_id="another-device-of-mine")
LIFE_S, TRIES = 300, 5


class World:
    """auth and one person, in a loop that the machine drives."""

    def __init__(self, url: str, clock: FixedClock) -> None:
        self.clock = clock
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.mona = self.run(self._begin(url))

    async def _begin(self, url: str) -> Factors:
        auth = await self.stack.enter_async_context(running(url, self.clock, AUTH_NETWORK_ATTEMPTS="1000000"))
        mona = Factors(auth)
        await mona.register()
        await mona.add_totp()
        return mona

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()


def machine_of(world: World) -> type[RuleBasedStateMachine]:
    class ChallengeMachine(RuleBasedStateMachine):
        @initialize()
        def open(self) -> None:
            # The code that was used last is used up, and so is every guess of the day.
            world.clock.advance(60)
            world.run(world.mona.auth.pool.execute("DELETE FROM factor_guesses"))
            self.token = world.run(world.mona.challenge()).challenge_token
            self.ends_at = world.clock.now_ms() + LIFE_S * 1000
            self.tries, self.is_answered = 0, False
            self.used_step = 0
            self.sessions = self._sessions()

        def _sessions(self) -> int:
            return int(world.run(world.mona.auth.pool.fetchval("SELECT count(*) FROM sessions")))

        def _answer(self, code: str, device: auth_pb.Device) -> str:
            try:
                world.run(world.mona.answer(self.token, device, totp_code=code))
            except grpc.aio.AioRpcError as error:
                return read_refusal(error).reason
            return "OK"

        def _takes(self, device: auth_pb.Device) -> bool:
            is_live = world.clock.now_ms() < self.ends_at and not self.is_answered
            return is_live and device == DEVICE and self.tries < TRIES

        @rule(seconds=st.sampled_from([1, 30, 100, 299]))
        def wait(self, seconds: int) -> None:
            world.clock.advance(seconds)

        @rule(device=st.sampled_from([DEVICE, DEVICE, OTHER]), number=st.integers(0, 999_999))
        def guess(self, device: auth_pb.Device, number: int) -> None:
            takes = self._takes(device)
            assert self._answer(world.mona.wrong_code(number), device) == (
                "FACTOR_INVALID" if takes else "CHALLENGE_EXPIRED"
            )
            self.tries += takes

        @rule(device=st.sampled_from([DEVICE, DEVICE, OTHER]))
        def answer(self, device: auth_pb.Device) -> None:
            takes = self._takes(device)
            assert self._answer(world.mona.code(), device) == ("OK" if takes else "CHALLENGE_EXPIRED")
            self.is_answered = self.is_answered or takes
            self.tries += takes

        def teardown(self) -> None:
            if hasattr(self, "sessions"):
                assert self._sessions() == self.sessions + self.is_answered

    return ChallengeMachine


@pytest.mark.timeout(170)
def test_any_order_of_answers(migrated_database: Callable[[str], str], clock: FixedClock) -> None:
    world = World(migrated_database("auth"), clock)
    try:
        run_state_machine_as_test(
            machine_of(world),
            settings=settings(
                max_examples=25,
                stateful_step_count=14,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )
    finally:
        world.close()
