"""RefundService over gRPC against a real process: who may, byte-identical repetition, and debts before payouts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
import pytest

from daira.payments.v1 import payments_service_pb2, refund_service_pb2_grpc
from daira.payments.v1 import refund_service_pb2 as pb
from services.chassis.postgres import PostgresConnection
from tests.integration.payments.payout_calls import PayoutCaller
from tests.integration.payments.processes import Caller, StandInAuth
from tests.integration.payments.test_rpc import refused

Person = Callable[[], Caller]
FAILED = grpc.StatusCode.FAILED_PRECONDITION
DENIED = grpc.StatusCode.PERMISSION_DENIED
STEP_UP = (grpc.StatusCode.UNAUTHENTICATED, "STEP_UP_NEEDED")
REASON = "اشتكى المشتري"


class Cast:
    """A fan who tipped a creator EGP 500, and people who call RefundService."""

    def __init__(self, channel: grpc.aio.Channel, auth: StandInAuth, fan: Caller, creator: Caller, tip_id: int) -> None:
        self.auth, self.fan, self.creator, self.tip_id = auth, fan, creator, tip_id
        self.channel = channel
        self.stub = refund_service_pb2_grpc.RefundServiceStub(channel)

    def token(self, user_id: int, **claims: Any) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.auth.token(user_id, **claims)}"),)

    async def refund(self, amount: int = 0, key: str = "k", user_id: int = 0, **claims: Any) -> pb.Refund:
        request = pb.RefundTipRequest(
            transfer_id=self.tip_id, amount_piastres=amount, reason=REASON, idempotency_key=key
        )
        metadata = self.token(user_id or self.creator.user_id, **claims)
        response: pb.RefundTipResponse = await self.stub.RefundTip(request, metadata=metadata, timeout=20)
        return response.refund

    async def decide(self, user_id: int, key: str = "k", **claims: Any) -> pb.Refund:
        request = pb.RefundTipForCreatorRequest(transfer_id=self.tip_id, reason="case 12", idempotency_key=key)
        response: pb.RefundTipForCreatorResponse = await self.stub.RefundTipForCreator(
            request, metadata=self.token(user_id, **claims), timeout=20
        )
        return response.refund

    async def owed(self, user_id: int) -> int:
        response: pb.GetDebtResponse = await self.stub.GetDebt(
            pb.GetDebtRequest(), metadata=self.token(user_id), timeout=20
        )
        return response.owed_piastres


@pytest.fixture
async def cast(channel: grpc.aio.Channel, stand_in_auth: StandInAuth, person: Person) -> Cast:
    fan, creator = person(), person()
    await fan.top_up(100_000, "salary")
    tip = await fan.tip(creator.user_id, 50_000, "thanks")
    return Cast(channel, stand_in_auth, fan, creator, tip.transfer_id)


async def test_a_tip_is_given_back_and_told_again(cast: Cast, database: PostgresConnection) -> None:
    first = await cast.refund(20_000)
    assert (first.amount_piastres, first.transfer_id, first.owed_piastres) == (20_000, cast.tip_id, 0)
    assert await cast.fan.wallet() == 70_000
    again = await asyncio.gather(*(cast.refund(20_000) for _ in range(8)))
    assert {one.SerializeToString() for one in again} == {first.SerializeToString()}
    assert await refused(cast.refund(20_001)) == (FAILED, "IDEMPOTENCY_KEY_REUSED")
    assert await refused(cast.refund(30_001, "more")) == (FAILED, "REFUND_EXCEEDS_ORIGINAL")
    rest = await cast.refund(key="rest")
    assert first.fee_piastres + rest.fee_piastres == 2_500
    assert (await cast.fan.wallet(), await cast.creator.wallet()) == (100_000, 0)


async def test_who_may_give_back(cast: Cast, database: PostgresConnection, stranger: int) -> None:
    assert await refused(cast.refund(user_id=cast.fan.user_id)) == (grpc.StatusCode.NOT_FOUND, "TRANSFER_NOT_FOUND")
    assert await refused(cast.refund(acr="1")) == STEP_UP
    assert (await refused(cast.decide(stranger)))[0] is DENIED
    assert await refused(cast.decide(stranger, roles=["support"], acr="1")) == STEP_UP
    refund = await cast.decide(stranger, roles=["support"])
    assert refund.amount_piastres == 50_000
    asked_by = await database.fetchval("SELECT asked_by FROM transfer_reasons WHERE transfer_id = $1", refund.refund_id)
    assert asked_by == stranger
    assert await cast.creator.wallet() == 0


async def test_bad_orders_name_their_fields(cast: Cast) -> None:
    request = pb.RefundTipRequest(transfer_id=-1, amount_piastres=-5, reason="", idempotency_key="k")
    call = cast.stub.RefundTip(request, metadata=cast.token(cast.creator.user_id))
    assert await refused(call) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")


async def test_who_owes_is_not_paid_out_until_it_is_collected(
    cast: Cast, database: PostgresConnection, stranger: int
) -> None:
    creator, support = cast.creator, cast.token(stranger, roles=["admin"])
    payouts = PayoutCaller(cast.channel, cast.auth, creator.user_id)
    await PayoutCaller(cast.channel, cast.auth, stranger, roles=["support"]).know(creator.user_id)
    there = await payouts.add()
    await creator.tip(cast.fan.user_id, 40_000, "generous")
    owed = (await cast.refund()).owed_piastres
    assert owed == 47_150 - 7_150 == await cast.owed(creator.user_id)
    assert await refused(payouts.request(there.destination_id, 20_000, "early")) == (FAILED, "DEBT_OPEN")
    too_much = pb.WriteOffDebtRequest(
        user_id=creator.user_id, amount_piastres=owed + 1, reason="case 12", idempotency_key="k"
    )
    assert await refused(cast.stub.WriteOffDebt(too_much, metadata=support)) == (FAILED, "NOTHING_OWED")
    await cast.stub.WriteOffDebt(
        pb.WriteOffDebtRequest(user_id=creator.user_id, amount_piastres=10_000, reason="case 12", idempotency_key="k"),
        metadata=support,
    )
    assert (await refused(cast.stub.WriteOffDebt(
        pb.WriteOffDebtRequest(user_id=stranger, reason="case 12", idempotency_key="k"), metadata=support,
    )))[0] is grpc.StatusCode.INVALID_ARGUMENT  # fmt: skip
    # What comes in pays the debt first, without anybody asking.
    await creator.top_up(60_000, "salary")
    async with asyncio.timeout(20):
        while await cast.owed(creator.user_id):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    assert await creator.wallet() == 30_000
    payout = await payouts.request(there.destination_id, 20_000, "now")
    assert payout.amount_piastres == 20_000


async def test_a_top_up_is_sent_back_by_an_operator(cast: Cast, database: PostgresConnection, stranger: int) -> None:
    up = await cast.fan.top_up(7_000, "mistake")
    request = pb.RefundTopUpRequest(top_up_id=up.top_up_id, reason="case 12", idempotency_key="k")
    operator = cast.token(stranger, roles=["support"])
    answer: pb.RefundTopUpResponse = await cast.stub.RefundTopUp(request, metadata=operator, timeout=20)
    assert answer.state == pb.TOP_UP_REFUND_STATE_SENDING
    held = await database.fetchval("SELECT held FROM accounts WHERE id = $1", cast.fan.user_id)
    assert held == 7_000
    assert await refused(cast.stub.RefundTopUp(
        pb.RefundTopUpRequest(top_up_id=1, reason="case 12", idempotency_key="k"), metadata=operator,
    )) == (grpc.StatusCode.NOT_FOUND, "TRANSFER_NOT_FOUND")  # fmt: skip


@pytest.mark.parametrize("rail", ["cash", "CARD", "كاش"])
async def test_rails_that_are_none_are_refused(person: Person, rail: str) -> None:
    someone = person()
    request = payments_service_pb2.TopUpRequest(amount_piastres=5_000, idempotency_key="k", rail=rail)
    assert await refused(someone.stub.TopUp(request, metadata=someone.metadata)) == (
        grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"
    )  # fmt: skip
