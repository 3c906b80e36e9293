"""Profiles and follows as people use them, and what follows a follow."""

from __future__ import annotations

import pytest

from services.chassis.errors import AppError
from services.social.application.profiles import ManageProfiles
from tests.fakes.clock import FixedClock
from tests.fakes.social import FakePeople, Told

SARA, MONA = 1, 2


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def manage(told: Told) -> ManageProfiles:
    people = FakePeople()
    manage = ManageProfiles(people, people, told, told, FixedClock())
    await manage.create(SARA, "Sara", "سارة", "")
    await manage.create(MONA, "mona", "منى", "")
    return manage


async def test_a_follow_forgets_the_followers_inbox_once(manage: ManageProfiles, told: Told) -> None:
    assert (await manage.follow(SARA, MONA)).viewer_follows
    await manage.follow(SARA, MONA)
    assert told.said == [("follows", SARA), ("inbox", SARA)]
    assert not (await manage.unfollow(SARA, MONA)).viewer_follows
    await manage.unfollow(SARA, MONA)
    assert told.said[2:] == [("follows", SARA), ("inbox", SARA)]


async def test_nobody_follows_themselves_or_nobody(manage: ManageProfiles, told: Told) -> None:
    for followee, reason in ((SARA, "SELF_NOT_ALLOWED"), (404, "PROFILE_NOT_FOUND")):
        with pytest.raises(AppError) as caught:
            await manage.follow(SARA, followee)
        assert caught.value.reason == reason
    assert told.said == []


async def test_handles_are_found_however_they_are_typed(manage: ManageProfiles) -> None:
    for typed in ("sara", "SARA", "@Sara"):
        assert (await manage.read_by_handle(typed, MONA)).user_id == SARA
    for typed in ("", "nobody", "\x00", "x" * 500):
        with pytest.raises(AppError):
            await manage.read_by_handle(typed, MONA)


async def test_many_are_at_most_a_hundred_and_each_once(manage: ManageProfiles) -> None:
    assert [profile.user_id for profile in await manage.read_many([MONA, SARA, MONA, 404], 0)] == [MONA, SARA]
    for ids in ([], [SARA] * 101):
        with pytest.raises(AppError):
            await manage.read_many(ids, 0)
