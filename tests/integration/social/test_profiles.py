"""ProfileService: making, changing and reading profiles, and the races of it."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest

from daira.social.v1 import profile_service_pb2 as pb
from tests.integration.social.person import Person
from tests.integration.social.server import Social, refused

INVALID = grpc.StatusCode.INVALID_ARGUMENT


async def test_profile_is_made_once_and_read_by_id_and_handle(social: Social) -> None:
    person = Person(social)
    made = await person.makes_profile("Om_Kalthoum", "أم كلثوم", "الست\nكوكب الشرق")
    assert (made.user_id, made.handle, made.display_name) == (person.user_id, "om_kalthoum", "أم كلثوم")
    assert made.created_at.ToSeconds() > 0
    assert await person.makes_profile("om_kalthoum", "أم كلثوم", "الست\nكوكب الشرق") == made
    by_handle = await social.stubs.profiles.GetProfile(pb.GetProfileRequest(handle="@OM_Kalthoum"))
    assert by_handle.profile == made
    assert await social.counts("profile_created") == 1


async def test_another_profile_of_the_same_person_is_refused(social: Social) -> None:
    person = Person(social)
    await person.makes_profile("first_name")
    with refused(grpc.StatusCode.ALREADY_EXISTS, "HANDLE_TAKEN"):
        await person.makes_profile("second_name")


async def test_one_of_many_gets_a_handle(social: Social) -> None:
    people = [Person(social) for _ in range(12)]
    answers = await asyncio.gather(*(person.makes_profile("the_one") for person in people), return_exceptions=True)
    winners = [answer for answer in answers if not isinstance(answer, BaseException)]
    losers = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert (len(winners), len(losers)) == (1, 11)
    assert {error.code() for error in losers} == {grpc.StatusCode.ALREADY_EXISTS}
    assert await social.counts("profile_created") == 1


async def test_racing_twins_make_one_profile(social: Social) -> None:
    person = Person(social)
    answers = await asyncio.gather(*(person.makes_profile("twin") for _ in range(12)))
    assert {answer.SerializeToString() for answer in answers} == {answers[0].SerializeToString()}
    assert await social.counts("profile_created") == 1


@pytest.mark.parametrize(
    ("handle", "name", "bio", "field"),
    [
        ("ab", "n", "", "handle"),
        ("x" * 31, "n", "", "handle"),
        ("سارة", "n", "", "handle"),
        ("with space", "n", "", "handle"),
        ("\u212aelvin", "n", "", "handle"),
        ("good_one", "", "", "display_name"),
        ("good_one", "n" * 51, "", "display_name"),
        ("good_one", "a\nb", "", "display_name"),
        ("good_one", "\u202eevil", "", "display_name"),
        ("good_one", "n", "b" * 301, "bio"),
        ("good_one", "n", "\x00", "bio"),
    ],
)
async def test_bad_fields_are_refused_by_name(social: Social, handle: str, name: str, bio: str, field: str) -> None:
    with refused(INVALID, "FIELD_INVALID", field):
        await Person(social).makes_profile(handle, name, bio)
    assert await social.counts("profile_created") == 0


async def test_update_changes_what_is_given_and_says_so_once(social: Social) -> None:
    person = await Person.signs_up(social)
    stub = social.stubs.profiles
    changed = await stub.UpdateProfile(pb.UpdateProfileRequest(display_name="منى"), metadata=person.metadata)
    assert (changed.profile.display_name, changed.profile.bio) == ("منى", "")
    changed = await stub.UpdateProfile(pb.UpdateProfileRequest(bio="كاتبة"), metadata=person.metadata)
    assert (changed.profile.display_name, changed.profile.bio) == ("منى", "كاتبة")
    # The same again, and nothing at all, change no row and write no event.
    await stub.UpdateProfile(pb.UpdateProfileRequest(bio="كاتبة"), metadata=person.metadata)
    await stub.UpdateProfile(pb.UpdateProfileRequest(), metadata=person.metadata)
    assert await social.counts("profile_updated") == 2
    with refused(INVALID, "FIELD_INVALID", "display_name"):
        await stub.UpdateProfile(pb.UpdateProfileRequest(display_name=""), metadata=person.metadata)
    with refused(grpc.StatusCode.NOT_FOUND, "PROFILE_NOT_FOUND"):
        await stub.UpdateProfile(pb.UpdateProfileRequest(bio="x"), metadata=Person(social).metadata)


@pytest.mark.parametrize("handle", ["nobody_here", "", "a\x00b", "سارة", "x" * 10_000])
async def test_what_is_no_handle_is_nobody(social: Social, handle: str) -> None:
    with refused(grpc.StatusCode.NOT_FOUND, "PROFILE_NOT_FOUND"):
        await social.stubs.profiles.GetProfile(pb.GetProfileRequest(handle=handle))


async def test_reading_needs_a_key_and_knows_its_limits(social: Social) -> None:
    stub = social.stubs.profiles
    with refused(INVALID, "FIELD_INVALID", "key"):
        await stub.GetProfile(pb.GetProfileRequest())
    for user_id in (-1, 2**63 - 1, 0):
        with refused(grpc.StatusCode.NOT_FOUND, "PROFILE_NOT_FOUND"):
            await stub.GetProfile(pb.GetProfileRequest(user_id=user_id))
    for ids in ([], [1] * 101):
        with refused(INVALID, "FIELD_INVALID", "user_ids"):
            await stub.BatchGetProfiles(pb.BatchGetProfilesRequest(user_ids=ids))
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING"):
        await stub.CreateProfile(pb.CreateProfileRequest(handle="nobody", display_name="n"))


async def test_many_are_read_in_the_order_asked(social: Social) -> None:
    people = [await Person.signs_up(social) for _ in range(3)]
    ids = [people[2].user_id, 7, people[0].user_id, people[2].user_id, people[1].user_id]
    found = await social.stubs.profiles.BatchGetProfiles(pb.BatchGetProfilesRequest(user_ids=ids))
    assert [profile.user_id for profile in found.profiles] == [people[n].user_id for n in (2, 0, 1)]
