"""PaymentsService over gRPC against a real process and a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import grpc
import grpc.aio
import pytest

from daira.payments.v1 import payments_service_pb2 as pb
from services.chassis.postgres import PostgresConnection
from tests.integration.payments.processes import Caller, PaymentsProcess, reason_of

Person = Callable[[], Caller]
Database = PostgresConnection


async def refused(call: object) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    return caught.value.code(), reason_of(caught.value)


async def settled(person: Caller, amount: int, key: str) -> pb.TopUpResponse:
    async with asyncio.timeout(20):
        while True:
            response = await person.top_up(amount, key)
            if response.state != pb.TOP_UP_STATE_PENDING:
                return response
            await asyncio.sleep(0.05)


async def test_wallet_is_opened_once_however_many_ask(person: Person, database: Database) -> None:
    someone = person()
    assert await asyncio.gather(*(someone.wallet() for _ in range(8))) == [0] * 8
    opened = "SELECT count(*) FROM events WHERE kind = 'wallet_opened' AND aggregate_id = $1"
    assert await database.fetchval(opened, someone.user_id) == 1


async def test_tip_moves_exact_parts(person: Person, database: Database) -> None:
    fan, creator = person(), person()
    topped_up = await fan.top_up(10_000, "first")
    assert topped_up.state == pb.TOP_UP_STATE_SUCCEEDED
    assert topped_up.wallet.balance_piastres == 10_000
    tip = await fan.tip(creator.user_id, 1_990, "thanks", post_id=77)
    # 5 % of 1990 is 99.5, to even 100; 14 % of 100 is 14.
    assert (tip.fee_piastres, tip.vat_piastres, tip.received_piastres) == (100, 14, 1_876)
    assert tip.wallet.balance_piastres == 8_010
    assert (await fan.wallet(), await creator.wallet()) == (8_010, 1_876)


async def test_repetition_gives_the_same_bytes_and_one_effect(person: Person, database: Database) -> None:
    fan, creator = person(), person()
    first_top_up = await fan.top_up(50_000, "t")
    first = await fan.tip(creator.user_id, 700, "k")
    await fan.tip(creator.user_id, 900, "other")
    again = await asyncio.gather(*(fan.tip(creator.user_id, 700, "k") for _ in range(10)))
    assert {answer.SerializeToString() for answer in again} == {first.SerializeToString()}
    assert (await fan.top_up(50_000, "t")).SerializeToString() == first_top_up.SerializeToString()
    assert await fan.wallet() == 50_000 - 700 - 900


async def test_racing_twins_have_one_effect_and_one_answer(person: Person, database: Database) -> None:
    fan, creator = person(), person()
    top_ups = await asyncio.gather(*(fan.top_up(20_000, "twin") for _ in range(8)))
    assert len({answer.SerializeToString() for answer in top_ups}) == 1
    assert top_ups[0].state == pb.TOP_UP_STATE_SUCCEEDED
    tips = await asyncio.gather(*(fan.tip(creator.user_id, 1_000, "twin") for _ in range(16)))
    assert len({answer.SerializeToString() for answer in tips}) == 1
    assert await fan.wallet() == 19_000


async def test_key_with_another_body_is_refused(person: Person, database: Database) -> None:
    fan, creator = person(), person()
    await fan.top_up(50_000, "k")
    await fan.tip(creator.user_id, 700, "k")
    expected = (grpc.StatusCode.FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED")
    assert await refused(fan.tip(creator.user_id, 701, "k")) == expected
    assert await refused(fan.tip(creator.user_id, 700, "k", post_id=5)) == expected
    assert await refused(fan.top_up(50_001, "k")) == expected
    # Keys belong to their caller: another person may use the same.
    other = person()
    assert (await other.top_up(9_900, "k")).wallet.balance_piastres == 9_900


async def test_racing_keys_with_different_bodies_have_one_effect(person: Person, database: Database) -> None:
    fan, creator = person(), person()
    await fan.top_up(50_000, "k")
    calls = [fan.tip(creator.user_id, 1_000 + n, "same") for n in range(12)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    paid = [answer for answer in answers if isinstance(answer, pb.SendTipResponse)]
    assert len(paid) == 1
    assert await fan.wallet() == 50_000 - paid[0].amount_piastres


async def test_more_than_there_is_is_refused_and_may_be_tried_again(person: Person, database: Database) -> None:
    fan, creator = person(), person()
    expected = (grpc.StatusCode.FAILED_PRECONDITION, "INSUFFICIENT_FUNDS")
    assert await refused(fan.tip(creator.user_id, 600, "k")) == expected
    await fan.top_up(500, "t")
    assert await refused(fan.tip(creator.user_id, 600, "k")) == expected
    # Nobody without money can make wallets for others.
    assert await database.fetchval("SELECT count(*) FROM accounts WHERE id = $1", creator.user_id) == 0
    await fan.top_up(500, "t2")
    assert (await fan.tip(creator.user_id, 600, "k")).wallet.balance_piastres == 400


async def test_declined_top_up_moves_nothing(person: Person, database: Database) -> None:
    someone = person()
    await someone.top_up(1_000, "a")
    declined = await someone.top_up(2_013, "b")
    assert declined.state == pb.TOP_UP_STATE_DECLINED
    assert declined.wallet.balance_piastres == 1_000
    await someone.top_up(1_000, "c")
    assert (await someone.top_up(2_013, "b")).SerializeToString() == declined.SerializeToString()
    assert await someone.wallet() == 2_000


async def test_lost_answer_is_pending_then_succeeds_once(person: Person, database: Database) -> None:
    someone = person()
    first = await someone.top_up(3_017, "lost")
    assert first.state == pb.TOP_UP_STATE_PENDING
    assert first.wallet.balance_piastres == 0
    last = await settled(someone, 3_017, "lost")
    assert (last.state, last.top_up_id) == (pb.TOP_UP_STATE_SUCCEEDED, first.top_up_id)
    assert last.wallet.balance_piastres == await someone.wallet() == 3_017
    asked = (
        "SELECT p.requests FROM provider_operations o JOIN sandbox_payments p ON p.reference = 'daira-' || o.id"
        " WHERE o.saga_id = $1"
    )
    assert await database.fetchval(asked, first.top_up_id) == 1


BAD_TIPS = [
    ({"amount_piastres": 99}, "FIELD_INVALID"),
    ({"amount_piastres": 1_000_001}, "FIELD_INVALID"),
    ({"amount_piastres": 0}, "FIELD_INVALID"),
    ({"amount_piastres": -500}, "FIELD_INVALID"),
    ({"amount_piastres": 2**63 - 1}, "FIELD_INVALID"),
    ({"amount_piastres": -(2**63)}, "FIELD_INVALID"),
    ({"recipient_id": 0}, "FIELD_INVALID"),
    ({"recipient_id": -1}, "FIELD_INVALID"),
    ({"recipient_id": -(2**63)}, "FIELD_INVALID"),
    ({"post_id": -1}, "FIELD_INVALID"),
    ({"idempotency_key": ""}, "FIELD_INVALID"),
    ({"idempotency_key": "x" * 65}, "FIELD_INVALID"),
    ({"idempotency_key": "white space"}, "FIELD_INVALID"),
    ({"idempotency_key": "مفتاح"}, "FIELD_INVALID"),
]


@pytest.mark.parametrize(("change", "reason"), BAD_TIPS, ids=str)
async def test_bad_tip_is_refused(person: Person, stranger: int, change: dict[str, int | str], reason: str) -> None:
    fields: dict[str, int | str] = {"recipient_id": stranger, "amount_piastres": 500, "idempotency_key": "k"}
    request = pb.SendTipRequest(**(fields | change))  # type: ignore[arg-type]
    someone = person()
    assert await refused(someone.stub.SendTip(request, metadata=someone.metadata)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        reason,
    )


@pytest.mark.parametrize("amount", [499, 3_000_001, 0, -1, 2**63 - 1, -(2**63)])
async def test_bad_top_up_is_refused(person: Person, amount: int) -> None:
    assert await refused(person().top_up(amount, "k")) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")


async def test_nobody_tips_themselves(person: Person) -> None:
    someone = person()
    expected = (grpc.StatusCode.FAILED_PRECONDITION, "SELF_NOT_ALLOWED")
    assert await refused(someone.tip(someone.user_id, 500, "k")) == expected


async def test_day_limit_is_exact_also_in_a_race(person: Person, database: Database) -> None:
    someone = person()
    calls = [someone.top_up(1_500_000, f"k{n}") for n in range(8)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    good = [answer for answer in answers if isinstance(answer, pb.TopUpResponse)]
    bad = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert len(good) == 4
    assert {reason_of(error) for error in bad} == {"LIMIT_EXCEEDED"}
    assert await someone.wallet() == 6_000_000
    assert await refused(someone.top_up(500, "more")) == (grpc.StatusCode.FAILED_PRECONDITION, "LIMIT_EXCEEDED")


async def test_callers_without_a_token_are_refused(channel: grpc.aio.Channel, person: Person) -> None:
    call = person().stub.GetWallet(pb.GetWalletRequest())
    assert await refused(call) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")


async def test_check_ledger_command_says_right(payments: PaymentsProcess, person: Person) -> None:
    await person().top_up(700, "k")
    import sys

    from tests.stores import ROOT

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.payments.check_ledger",
        cwd=ROOT, env=payments.environment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0
    assert b"ledger: right" in output
