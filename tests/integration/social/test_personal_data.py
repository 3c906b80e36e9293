"""What social holds about a person: all of it, in pages of any size, for auth alone."""

from __future__ import annotations

import grpc
import pytest

from daira.privacy.v1 import personal_data_service_pb2 as pb
from daira.privacy.v1 import personal_data_service_pb2_grpc
from services.chassis.errors import AppError
from services.social.adapters.postgres import personal_data as module
from services.social.adapters.postgres.personal_data import social_data
from tests.fakes.personal_records import gather, unaccounted_tables
from tests.integration.social.person import Person
from tests.integration.social.server import Social, refused
from tests.integration.social.test_erasures import lively


async def test_everything_a_person_did_is_there_in_pages_of_any_size(social: Social) -> None:
    mona, friend, stranger = await lively(social)
    async with social.working():
        await social.settled()
    data = social_data(social.pool)
    found = await gather(data, mona.user_id)
    for size in (1, 2, 3, 7):
        assert await gather(data, mona.user_id, size) == found, size
    assert [record["handle"] for record in found["profile"]] == [mona.handle]
    bodies = [record["body"] for record in found["post"]]
    # What was deleted is held for now, and so it is here; a repost has no words of its own.
    assert bodies == ["صباح الفل يا جماعة", "دي غلطة", ""]
    assert [record["deleted_at"] is None for record in found["post"]] == [True, False, True]
    assert [record["kind"] for record in found["post"]] == ["text", "text", "repost"]
    assert [record["followee_id"] for record in found["following"]] == [str(friend.user_id)]
    assert [record["follower_id"] for record in found["follower"]] == [str(friend.user_id)]
    assert [record["blocked_id"] for record in found["block"]] == [str(stranger.user_id)]
    assert [record["words"] for record in found["muted_words"]] == [["كورة"]]
    assert {kind: len(records) for kind, records in found.items()} == {
        "profile": 1, "post": 3, "like": 1, "following": 1, "follower": 1, "follow_request": 1, "block": 1,
        "muted_words": 1, "report": 1, "seen": 1, "interest": 1,
    }  # fmt: skip
    seen = found["seen"][0]
    assert seen["seen_ids"] == seen["opened_ids"]
    # That somebody muted or blocked a person is the secret of who did.
    assert "block" not in await gather(data, stranger.user_id)
    assert await gather(data, 1) == {}


async def test_a_page_goes_on_where_the_last_one_ended_whatever_was_written_meanwhile(social: Social) -> None:
    mona = await Person.signs_up(social)
    first = [await mona.posts(f"بوست {n}") for n in range(5)]
    data = social_data(social.pool)
    page = await data.page(mona.user_id, "", 4)
    await mona.deletes(first[0].post_id)
    await mona.posts("وواحد كمان")
    rest = await data.page(mona.user_id, page.next_token, 1000)
    assert [record.kind for record in page.records] == ["profile", "post", "post", "post"]
    assert [record.kind for record in rest.records] == ["post", "post", "post"]
    assert not rest.next_token


async def test_long_records_end_a_page_early_and_each_is_in_one(social: Social) -> None:
    mona = await Person.signs_up(social)
    # Four bytes a character: the longest posts there are.
    body = "𓀀" * 1000
    await social.pool.execute(
        "INSERT INTO posts (id, author_id, body, language, kind)"
        " SELECT daira_id(0), $1, $2, 'ar', 1 FROM generate_series(1, 300)",
        mona.user_id,
        body,
    )
    data = social_data(social.pool)
    page = await data.page(mona.user_id, "", 1000)
    assert 40 < len(page.records) < 60
    assert len((await gather(data, mona.user_id, 1000))["post"]) == 300


@pytest.mark.parametrize(
    "token", ["post", "post:", "post:1,2", "nothing:1", "post:-1", "post:99999999999999999999", "×"]
)
async def test_a_token_of_nobody_is_refused(social: Social, token: str) -> None:
    with pytest.raises(AppError) as caught:
        await social_data(social.pool).page(1, token, 10)
    assert caught.value.reason == "PAGE_TOKEN_INVALID"


async def test_auth_alone_may_ask(social: Social) -> None:
    mona = await Person.signs_up(social)
    stub = personal_data_service_pb2_grpc.PersonalDataServiceStub(social.stubs.channel)
    request = pb.ExportPersonalDataRequest(user_id=mona.user_id)
    answer = await stub.ExportPersonalData(request, metadata=social.service_bearer("auth"))
    assert [record.kind for record in answer.records] == ["profile"]
    for metadata in (mona.metadata, social.service_bearer("payments"), social.service_bearer("analytics")):
        with refused(grpc.StatusCode.PERMISSION_DENIED, "CALLER_NOT_ALLOWED"):
            await stub.ExportPersonalData(request, metadata=metadata)
    for user_id, size in ((0, 1), (1, 1001), (1, -1)):
        bad = pb.ExportPersonalDataRequest(user_id=user_id, page_size=size)
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"):
            await stub.ExportPersonalData(bad, metadata=social.service_bearer("auth"))


async def test_every_table_is_exported_or_said_not_to_be(social: Social) -> None:
    assert await unaccounted_tables(social.pool, module) == set()
