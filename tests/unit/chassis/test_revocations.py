"""The list of what is no longer good: complete, bounded, forgetful in time, and honest about its age."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import revocations as module
from services.chassis.errors import AppError, ErrorKind
from services.chassis.identity import Identity, IdentityKind
from services.chassis.revocations import REMEMBER_S, Revocation, Revocations, RevocationSettings
from tests.fakes.clock import FixedClock
from tests.fakes.revocation_source import FakeRevocationSource


class World:
    """A list over a source that the test fills."""

    def __init__(self, page: int = 1_000) -> None:
        self.clock = FixedClock()
        self.source = FakeRevocationSource(page)
        self.list = Revocations(self.source, self.clock, RevocationSettings(poll_s=0.1, stale_after_s=60.0))

    def person(self, user_id: int = 7, session_id: int = 70, epoch: int = 0, age_s: int = 0) -> Identity:
        issued_at_s = self.clock.now_ms() // 1000 - age_s
        return Identity(IdentityKind.USER, user_id=user_id, session_id=session_id, epoch=epoch, issued_at_s=issued_at_s)

    def is_good(self, identity: Identity) -> bool:
        try:
            self.list.check(identity)
        except AppError as error:
            return error.reason != "TOKEN_REVOKED"
        return True


async def test_an_ended_session_is_refused_and_its_neighbours_are_not() -> None:
    world = World()
    world.source.revocations.append(Revocation(session_id=70))
    assert world.is_good(world.person())
    assert await world.list.refresh()
    assert not world.is_good(world.person())
    assert world.is_good(world.person(session_id=71))


async def test_an_epoch_voids_older_tokens_only_and_never_goes_back() -> None:
    world = World()
    world.source.revocations += [Revocation(user_id=7, least_epoch=3), Revocation(user_id=7, least_epoch=2)]
    await world.list.refresh()
    assert [world.is_good(world.person(epoch=epoch)) for epoch in (0, 2, 3, 4)] == [False, False, True, True]
    assert world.is_good(world.person(user_id=8))


async def test_everybody_may_have_to_refresh() -> None:
    world = World()
    now_s = world.clock.now_ms() // 1000
    world.source.revocations.append(Revocation(issued_before_s=now_s - 5))
    await world.list.refresh()
    assert [world.is_good(world.person(age_s=age_s)) for age_s in (0, 4, 5, 6)] == [True, True, False, False]


async def test_what_no_token_can_be_of_any_more_is_forgotten() -> None:
    world = World()
    world.source.revocations += [Revocation(session_id=70), Revocation(user_id=7, least_epoch=1)]
    await world.list.refresh()
    world.clock.advance(REMEMBER_S - 1)
    await world.list.refresh()
    assert len(world.list) == 2
    world.clock.advance(2)
    await world.list.refresh()
    assert len(world.list) == 0


async def test_an_absent_source_leaves_the_list_and_ages_it() -> None:
    world = World()
    world.source.away = True
    assert not await world.list.load()
    with pytest.raises(AppError) as caught:
        world.list.require_fresh()
    assert (caught.value.kind, caught.value.reason) == (ErrorKind.UNAVAILABLE, "REVOCATIONS_STALE")
    world.source.away = False
    world.source.revocations.append(Revocation(session_id=70))
    assert await world.list.load()
    world.source.away = True
    world.clock.advance(60)
    assert not await world.list.refresh()
    world.list.require_fresh()
    assert not world.is_good(world.person())
    world.clock.advance(0.1)
    with pytest.raises(AppError):
        world.list.require_fresh()
    world.source.away = False
    assert await world.list.refresh()
    world.list.require_fresh()


async def test_a_list_too_long_to_hold_makes_everybody_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_ENTRIES", 10)
    world = World()
    world.source.revocations += [Revocation(session_id=number) for number in range(1, 12)]
    await world.list.refresh()
    assert len(world.list) == 0
    assert not world.is_good(world.person(session_id=5))
    assert not world.is_good(world.person(session_id=500))
    world.clock.advance(1)
    assert world.is_good(world.person(session_id=500))


@given(st.lists(st.integers(1, 5), max_size=8), st.integers(1, 4))
def test_whatever_the_pages_nothing_is_missed(batches: list[int], page: int) -> None:
    async def run() -> None:
        world, number = World(page), 0
        for size in batches:
            for _ in range(size):
                number += 1
                world.source.revocations.append(Revocation(session_id=number))
            assert await world.list.refresh()
            assert len(world.list) == number
            assert not any(world.is_good(world.person(session_id=one)) for one in range(1, number + 1))

    asyncio.run(run())


async def test_it_keeps_itself_fresh_until_told_to_stop() -> None:
    world = World()
    stop = asyncio.Event()
    task = asyncio.create_task(world.list.run(stop))
    async with asyncio.timeout(5):
        await world.source.third_read.wait()
        stop.set()
        await task
