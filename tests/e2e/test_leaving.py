"""A person takes a copy of everything and leaves: the copy is whole, and afterwards nothing of them is anywhere."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import pytest

from dev.scratch_platform import GraphQLError, ScratchPlatform
from gateway.opaque_ids import IdType, decode_as
from services.auth.adapters.postgres.closing import PostgresClosing
from services.chassis.client import create_channel
from services.chassis.clock import SystemClock
from services.chassis.postgres import create_pool
from services.chassis.service_tokens import ServiceTokens, SigningSeed
from services.personal_data.client import PERSONAL_DATA_API, RpcPersonalData
from tests.e2e.people import Person
from tests.fakes.personal_records import gather

PATIENCE_S = 60.0
EXPORT = "query($id: ID) { dataExport(id: $id) { id status chunks expiresAt parts { service status records } } }"
CHUNK = "query($id: ID!, $n: Int!) { dataExportChunk(id: $id, chunk: $n) { lines chunks } }"
TIP = "... on Tip { received { piastres } } ... on PaymentRefusal { message __typename }"
PROFILE = "query($id: ID!) { profile(id: $id) { followersCount } }"
POST = "query($id: ID!) { post(id: $id) { body likesCount } }"

pytestmark = [pytest.mark.timeout(300)]


def eventually(condition: Callable[[], bool]) -> None:
    """Waits for what others have to hear of."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.2)


def copy_of(person: Person) -> list[dict[str, Any]]:
    """Asks for a copy, waits for it and reads it."""
    export_id = person.asks("mutation { requestDataExport { id } }")["requestDataExport"]["id"]
    eventually(lambda: person.asks(EXPORT, id=None)["dataExport"]["status"] == "COMPLETE")
    state = person.asks(EXPORT, id=export_id)["dataExport"]
    assert state["expiresAt"]
    assert [part["service"] for part in state["parts"]] == ["auth", "social", "payments", "analytics"]
    assert {part["status"] for part in state["parts"]} == {"COMPLETE"}
    lines: list[dict[str, Any]] = []
    for number in range(state["chunks"]):
        chunk = person.asks(CHUNK, id=export_id, n=number)["dataExportChunk"]
        lines += [json.loads(line) for line in chunk["lines"].splitlines()]
    assert len(lines) == 1 + sum(part["records"] for part in state["parts"])
    return lines


async def thirty_days_pass(platform: ScratchPlatform, user_id: int) -> None:
    """What the housekeeping of auth does with a request whose grace is over."""
    pool = await create_pool(platform.endpoints["AUTH_DATABASE_URL"], application_name="test", max_size=2)
    try:
        assert await PostgresClosing(pool).erase(user_id, SystemClock().now() + timedelta(days=30))
    finally:
        await pool.close()


async def two_minutes_pass(platform: ScratchPlatform) -> None:
    """Social's second pass over who is gone, which finds what the projector weighed meanwhile."""
    connection = await asyncpg.connect(platform.endpoints["SOCIAL_DATABASE_URL"])
    try:
        await connection.execute("UPDATE erasures SET due_at = clock_timestamp() WHERE done_at IS NULL")
    finally:
        await connection.close()


async def held_by(platform: ScratchPlatform, service: str, user_id: int) -> dict[str, list[dict[str, Any]]]:
    """What a service holds about a person, asked as auth asks."""
    tokens = ServiceTokens(SigningSeed.from_text(platform.endpoints["AUTH_SIGNING_KEY"]), "auth", SystemClock())
    address = platform.endpoints[f"{service.upper()}_ADDRESS"]
    async with create_channel(address, [PERSONAL_DATA_API], tokens=tokens.to(service)) as channel:
        return await gather(RpcPersonalData(channel), user_id)


def holds_nothing(platform: ScratchPlatform, service: str, user_id: int) -> bool:
    """Whether a service has nothing of a person."""
    return not asyncio.run(held_by(platform, service, user_id))


def test_a_person_takes_everything_with_them_and_leaves_nothing(empty_platform: ScratchPlatform) -> None:
    mona, tarek = Person.signs_up(empty_platform, "mona"), Person.signs_up(empty_platform, "tarek")
    kept = mona.posts("آخر بوست ليا هنا")
    answer = tarek.posts("هنفتقدك يا منى")
    tarek.does("follow", "profile { id }", userId=mona.user_id)
    mona.does("follow", "profile { id }", userId=tarek.user_id)
    mona.does("likePost", "post { id }", postId=answer)
    tarek.does("likePost", "post { id }", postId=kept)
    for person in (mona, tarek):
        assert person.does("topUp", "... on TopUp { state }", amountPiastres="10000")["state"] == "SUCCEEDED"
    assert mona.does("sendTip", TIP, recipientId=tarek.user_id, amountPiastres="4000")["received"]
    assert tarek.does("sendTip", TIP, recipientId=mona.user_id, amountPiastres="1000")["received"]
    eventually(lambda: kept in [item["post"]["id"] for item in tarek.feed("LATEST")])
    eventually(lambda: tarek.asks(POST, id=answer)["post"]["likesCount"] == 1)
    number = decode_as(IdType.USER, mona.user_id, "id")
    # What happened is in the column store some moments later.
    eventually(lambda: len(asyncio.run(held_by(empty_platform, "analytics", number)).get("event", [])) >= 8)

    head, *lines = copy_of(mona)
    assert head["user_id"] == str(number)
    of: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in lines:
        of.setdefault((line["service"], line["kind"]), []).append(line["record"])
    assert of["auth", "account"][0]["email"] == f"{mona.handle}@example.com"
    assert [record["body"] for record in of["social", "post"]] == ["آخر بوست ليا هنا"]
    assert of["social", "following"][0]["followee_id"] == of["social", "follower"][0]["follower_id"]
    assert len(of["social", "like"]) == 1
    amounts = [record["amount_piastres"] for record in of["payments", "wallet_line"]]
    assert amounts[:2] == [10_000, -4_000]
    assert of["payments", "wallet"][0]["balance_piastres"] == sum(amounts)
    assert "post_created" in {record["kind"] for record in of["analytics", "event"]}
    # It is nobody else's.
    export_id = mona.asks(EXPORT, id=None)["dataExport"]["id"]
    assert tarek.asks(EXPORT, id=export_id)["dataExport"] is None
    assert tarek.asks(EXPORT, id=None)["dataExport"] is None
    with pytest.raises(GraphQLError) as caught:
        tarek.asks(CHUNK, id=export_id, n=0)
    assert caught.value.codes == ["NOT_FOUND"]

    mona.asks("mutation { requestDeletion { dueAt } }")
    asyncio.run(thirty_days_pass(empty_platform, number))
    eventually(lambda: tarek.asks(PROFILE, id=mona.user_id)["profile"] is None)
    assert kept not in [item["post"]["id"] for mode in ("LATEST", "RANKED") for item in tarek.feed(mode)]
    assert tarek.asks(POST, id=kept)["post"] is None
    eventually(lambda: tarek.asks(POST, id=answer)["post"]["likesCount"] == 0)
    eventually(lambda: tarek.asks(PROFILE, id=tarek.user_id)["profile"]["followersCount"] == 0)

    def pays_nobody() -> bool:
        refused = tarek.does("sendTip", TIP, recipientId=mona.user_id, amountPiastres="500")
        return bool(refused.get("__typename") == "RecipientUnavailable")

    eventually(pays_nobody)
    eventually(lambda: set(asyncio.run(held_by(empty_platform, "social", number))) <= {"interest"})
    asyncio.run(two_minutes_pass(empty_platform))
    for service in ("social", "analytics"):
        eventually(partial(holds_nothing, empty_platform, service, number))
    # The books are kept, by a number that nobody has any more, and the wallet is closed.
    books = asyncio.run(held_by(empty_platform, "payments", number))
    assert books["wallet"][0]["closed_at"] is not None
    assert len(books["wallet_line"]) >= len(amounts)
    with pytest.raises(GraphQLError) as gone:
        mona.asks("{ me { id } }")
    assert gone.value.codes == ["UNAUTHENTICATED"]
    # Who stays has everything of theirs, and may have a copy of it.
    assert [line["record"]["body"] for line in copy_of(tarek) if line.get("kind") == "post"] == ["هنفتقدك يا منى"]
