"""PayoutService over gRPC against a real process, and payouts that a runner of its own goes on with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import grpc
import grpc.aio
import pytest

from daira.payments.v1 import payout_service_pb2 as pb
from services.chassis.postgres import PostgresConnection
from tests.integration.payments.payout_calls import IBAN, PayoutCaller, saga_runner
from tests.integration.payments.processes import Caller, PaymentsProcess, StandInAuth
from tests.integration.payments.test_rpc import refused

Person = Callable[[], Caller]
FAILED = grpc.StatusCode.FAILED_PRECONDITION
DENIED = grpc.StatusCode.PERMISSION_DENIED
STEP_UP = (grpc.StatusCode.UNAUTHENTICATED, "STEP_UP_NEEDED")


class Cast:
    """A creator with EGP 1,000 who is known by identity card, as both services see them, and an operator."""

    def __init__(self, channel: grpc.aio.Channel, auth: StandInAuth, wallet: Caller, operator_id: int) -> None:
        self.channel, self.auth, self.wallet = channel, auth, wallet
        self.creator = PayoutCaller(channel, auth, wallet.user_id)
        self.operator = PayoutCaller(channel, auth, operator_id, roles=["support"])


@pytest.fixture
async def cast(channel: grpc.aio.Channel, stand_in_auth: StandInAuth, person: Person) -> Cast:
    cast = Cast(channel, stand_in_auth, person(), person().user_id)
    await cast.wallet.top_up(100_000, "salary")
    await cast.operator.know(cast.wallet.user_id)
    return cast


async def test_a_payout_is_held_at_once_and_told_again(cast: Cast, database: PostgresConnection) -> None:
    there = await cast.creator.add()
    assert (there.network, there.label) == ("iban", "•••• 0002")
    payout = await cast.creator.request(there.destination_id, 40_000, "rent")
    assert payout.state == pb.PAYOUT_STATE_SCHEDULED
    assert payout.HasField("leaves_at")
    assert payout.leaves_at.seconds > payout.requested_at.seconds
    again = await cast.creator.request(there.destination_id, 40_000, "rent")
    assert again.SerializeToString() == payout.SerializeToString()
    twins = await asyncio.gather(*(cast.creator.request(there.destination_id, 20_000, "twin") for _ in range(8)))
    assert len({twin.SerializeToString() for twin in twins}) == 1
    assert (await cast.creator.cancel(twins[0].payout_id)).state == pb.PAYOUT_STATE_CANCELLED
    assert await refused(cast.creator.request(there.destination_id, 40_001, "rent")) == (
        FAILED, "IDEMPOTENCY_KEY_REUSED"
    )  # fmt: skip
    held = await database.fetchval("SELECT held FROM accounts WHERE id = $1", cast.wallet.user_id)
    assert held == 40_000
    # What is held cannot be tipped away.
    assert (await refused(cast.wallet.tip(cast.operator.user_id, 60_001, "t")))[1] == "INSUFFICIENT_FUNDS"


async def test_racing_requests_hold_what_there_is_and_no_more(cast: Cast, database: PostgresConnection) -> None:
    there = await cast.creator.add()
    answers = await asyncio.gather(
        *(cast.creator.request(there.destination_id, 30_000, f"k{n}") for n in range(8)), return_exceptions=True
    )
    kept = [answer for answer in answers if isinstance(answer, pb.Payout)]
    assert [payout.state for payout in kept] == [pb.PAYOUT_STATE_SCHEDULED] * 3
    assert await database.fetchval("SELECT held FROM accounts WHERE id = $1", cast.wallet.user_id) == 90_000


async def test_a_payout_is_taken_back_once(cast: Cast, database: PostgresConnection) -> None:
    there = await cast.creator.add()
    payout = await cast.creator.request(there.destination_id, 40_000, "k")
    both = await asyncio.gather(cast.creator.cancel(payout.payout_id), cast.creator.cancel(payout.payout_id))
    assert {one.state for one in both} == {pb.PAYOUT_STATE_CANCELLED}
    assert (await cast.creator.get(payout.payout_id)).reason == "its owner took it back"
    # The key is spent: it tells of the payout there was.
    assert (await cast.creator.request(there.destination_id, 40_000, "k")).state == pb.PAYOUT_STATE_CANCELLED
    assert await database.fetchval("SELECT held FROM accounts WHERE id = $1", cast.wallet.user_id) == 0


async def test_each_refusal_says_why_and_holds_nothing(
    cast: Cast, person: Person, database: PostgresConnection
) -> None:
    there = await cast.creator.add()
    ask = cast.creator.request
    assert await refused(ask(there.destination_id, 100_001, "a")) == (FAILED, "INSUFFICIENT_FUNDS")
    assert await refused(ask(there.destination_id, 11_199, "b")) == (FAILED, "LIMIT_EXCEEDED")
    for amount in (0, -1, 10**13):
        assert (await refused(ask(there.destination_id, amount, "c")))[1] == "FIELD_INVALID"
    assert await refused(ask(1, 20_000, "d")) == (grpc.StatusCode.NOT_FOUND, "DESTINATION_NOT_FOUND")
    unknown = PayoutCaller(cast.channel, cast.auth, person().user_id)
    theirs = await unknown.add()
    assert await refused(unknown.request(theirs.destination_id, 20_000, "e")) == (FAILED, "IDENTITY_UNKNOWN")
    # Of somebody else neither the destination nor the payout is there.
    assert (await refused(unknown.request(there.destination_id, 20_000, "f")))[1] == "DESTINATION_NOT_FOUND"
    mine = await ask(there.destination_id, 20_000, "g")
    assert (await refused(unknown.get(mine.payout_id)))[1] == "PAYOUT_NOT_FOUND"
    assert (await refused(unknown.cancel(mine.payout_id)))[1] == "PAYOUT_NOT_FOUND"
    await database.execute(
        "UPDATE instruments SET usable_at = now() + interval '1 h' WHERE id = $1", there.destination_id
    )
    assert await refused(ask(there.destination_id, 20_000, "h")) == (FAILED, "DESTINATION_NOT_USABLE_YET")
    assert await database.fetchval("SELECT held FROM accounts WHERE id = $1", cast.wallet.user_id) == 20_000


async def test_money_out_asks_who_is_there(cast: Cast) -> None:
    weak = PayoutCaller(cast.channel, cast.auth, cast.wallet.user_id, acr="1", amr=["pwd"])
    stale = PayoutCaller(cast.channel, cast.auth, cast.wallet.user_id, auth_time=0)
    for caller in (weak, stale):
        assert await refused(caller.add()) == STEP_UP
        assert await refused(caller.request(1, 20_000, "k")) == STEP_UP
    assert (await refused(cast.creator.know(5)))[0] is DENIED
    assert (await refused(cast.operator.know(cast.operator.user_id)))[1] == "FIELD_INVALID"
    assert (await refused(cast.operator.know(5, level=3)))[1] == "FIELD_INVALID"


async def test_a_destination_is_added_once_forgotten_and_no_secret_is_left(
    cast: Cast, payments: PaymentsProcess, database: PostgresConnection
) -> None:
    added = await asyncio.gather(*(cast.creator.add() for _ in range(6)))
    assert len({one.destination_id for one in added}) == 1
    for digit in range(9):
        await cast.creator.add(f"0101234567{digit}", "vodafone")
    assert await refused(cast.creator.add("01012345679", "vodafone")) == (FAILED, "DESTINATION_LIMIT_REACHED")
    request = pb.RemovePayoutDestinationRequest(destination_id=added[0].destination_id)
    await cast.creator.stub.RemovePayoutDestination(request, metadata=cast.creator.metadata)
    again = await refused(cast.creator.stub.RemovePayoutDestination(request, metadata=cast.creator.metadata))
    assert again[1] == "DESTINATION_NOT_FOUND"
    listed: pb.ListPayoutDestinationsResponse = await cast.creator.stub.ListPayoutDestinations(
        pb.ListPayoutDestinationsRequest(), metadata=cast.creator.metadata
    )
    assert [one.label for one in listed.destinations] == [f"•••• 567{digit}" for digit in reversed(range(9))]
    kinds = [
        row[0]
        for row in await database.fetch(
            "SELECT kind FROM events WHERE aggregate_id = $1 ORDER BY seq", added[0].destination_id
        )
    ]
    assert kinds == ["payout_destination_added", "payout_destination_removed"]
    dumped = "".join(str(row) for row in await database.fetch("SELECT * FROM instruments"))
    assert not any(secret in dumped + payments.log.read_text() for secret in (IBAN, "29805150102345", "+2010123456"))


async def test_a_runner_of_its_own_goes_on(
    cast: Cast, payments: PaymentsProcess, database: PostgresConnection, log_of: Path
) -> None:
    """With closed providers a payout that leaves is declined, and the money is free again."""
    there = await cast.creator.add()
    payout = await cast.creator.request(there.destination_id, 40_000, "k")
    # A batch is hours away: the payout is made older instead.
    await database.execute(
        "UPDATE sagas SET wake_at = now(), changed_at = changed_at - interval '2 days' WHERE id = $1", payout.payout_id
    )
    with saga_runner(payments, log_of, PAYMENTS_PROVIDER="closed"):
        found = await cast.creator.until(payout.payout_id, pb.PAYOUT_STATE_DECLINED)
    assert found.reason == "the provider declined"
    assert await refused(cast.creator.cancel(payout.payout_id)) == (FAILED, "PAYOUT_NOT_CANCELLABLE")
    assert await database.fetchval("SELECT held FROM accounts WHERE id = $1", cast.wallet.user_id) == 0


async def test_payouts_come_in_pages(cast: Cast, database: PostgresConnection) -> None:
    there = await cast.creator.add()
    made = [(await cast.creator.request(there.destination_id, 11_200, f"k{n}")).payout_id for n in range(5)]
    found: list[int] = []
    token = ""
    while True:
        page: pb.ListPayoutsResponse = await cast.creator.stub.ListPayouts(
            pb.ListPayoutsRequest(page_size=2, page_token=token), metadata=cast.creator.metadata
        )
        found += [payout.payout_id for payout in page.payouts]
        if not (token := page.next_page_token):
            break
    assert found == made[::-1]
