"""Refunds, debts and write-offs on a real ledger."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from services.chassis.errors import AppError
from services.chassis.postgres import PostgresPool
from services.payments.adapters.postgres.debts import PostgresDebts
from services.payments.adapters.postgres.refunds import PostgresRefunds
from services.payments.adapters.postgres.tip_ledger import PostgresTipLedger
from services.payments.domain.refunds import MoneyBack, Refund, part_of
from services.payments.domain.splits import split_tip
from services.payments.domain.tips import TipOrder, TipPosting
from tests.integration.payments.test_postings import balance, give

FAN, CREATOR, OPERATOR = 7_301, 7_302, 7_303
BANK = -6


async def tip(pool: PostgresPool, amount: int, key: str = "tip") -> int:
    split = split_tip(amount, fee_basis_points=500, vat_basis_points=1400)
    posting = TipPosting(TipOrder(FAN, CREATOR, amount, 9, key, b"h"), split.fee, split.vat)
    return (await PostgresTipLedger(pool).post_all([posting]))[0].transfer_id


async def spend(pool: PostgresPool, amount: int, key: str = "spent") -> None:
    """The creator is paid out."""
    outcome = await pool.fetchval(
        "SELECT outcome FROM post_transfer('payout', $1, $1, $2, 0, 0, 0, $3, 'h', $4::bigint[], $5::bigint[], 0, 0,"
        " 'transfer_posted', '')", CREATOR, amount, key, [CREATOR, BANK], [-amount, amount],
    )  # fmt: skip
    assert outcome == "posted"


def order(transfer_id: int, amount: int = 0, key: str = "k", by: int = CREATOR) -> MoneyBack:
    return MoneyBack(transfer_id, amount, "اشتكى المشتري", key, f"{transfer_id}:{amount}".encode(), by)


async def refused(call: object) -> str:
    with pytest.raises(AppError) as caught:
        await call  # type: ignore[misc]
    return caught.value.reason


async def of_account(pool: PostgresPool, account: int) -> int:
    return int(await pool.fetchval("SELECT balance::bigint FROM account_balances WHERE id = $1", account))


async def test_a_tip_given_back_leaves_everybody_as_before(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    transfer_id = await tip(ledger_pool, 1_990)
    refunds = PostgresRefunds(ledger_pool)
    refund = await refunds.refund(order(transfer_id), CREATOR)
    assert (refund.amount, refund.fee, refund.vat, refund.owed) == (1_990, 100, 14, 0)
    assert [await of_account(ledger_pool, account) for account in (FAN, CREATOR, -1, -2)] == [10_000, 0, 0, 0]
    assert await refunds.refund(order(transfer_id), CREATOR) == refund
    assert await refused(refunds.refund(order(transfer_id, 1), CREATOR)) == "IDEMPOTENCY_KEY_REUSED"
    assert await refused(refunds.refund(order(transfer_id, key="again"), CREATOR)) == "REFUND_EXCEEDS_ORIGINAL"
    told = await ledger_pool.fetchrow("SELECT person_id, asked_by, reason FROM transfer_reasons")
    assert told is not None
    assert tuple(told) == (CREATOR, CREATOR, "اشتكى المشتري")


async def test_200_racing_refunds_give_back_exactly_the_original(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 100_000)
    transfer_id = await tip(ledger_pool, 77_777)
    await spend(ledger_pool, 50_000)
    refunds = PostgresRefunds(ledger_pool)
    chance = random.Random(3)
    wanted = [chance.choice([333, 777, 1_111]) for _ in range(200)]
    answers = await asyncio.gather(
        *(refunds.refund(order(transfer_id, amount, f"k{n}"), CREATOR) for n, amount in enumerate(wanted)),
        return_exceptions=True,
    )
    made = sorted((answer for answer in answers if isinstance(answer, Refund)), key=lambda one: one.refund_id)
    assert {answer.reason for answer in answers if isinstance(answer, AppError)} == {"REFUND_EXCEEDS_ORIGINAL"}
    assert sum(one.amount for one in made) <= 77_777
    last = await refunds.refund(order(transfer_id, key="last"), CREATOR)
    paid = split_tip(77_777, fee_basis_points=500, vat_basis_points=1400)
    before = 0
    for one in (*made, last):
        part = part_of(paid, before, one.amount)
        assert (one.fee, one.vat) == (part.fee, part.vat)
        before += one.amount
    assert before == 77_777
    assert [await of_account(ledger_pool, account) for account in (FAN, -1, -2)] == [100_000, 0, 0]
    # What had been paid out is owed, to the piastre.
    assert (await of_account(ledger_pool, CREATOR), await PostgresDebts(ledger_pool).owed(CREATOR)) == (0, 50_000)
    assert sum(one.owed for one in (*made, last)) == 50_000


async def test_racing_twins_of_one_key_have_one_effect_and_one_answer(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    transfer_id = await tip(ledger_pool, 5_000)
    refunds = PostgresRefunds(ledger_pool)
    answers = await asyncio.gather(*(refunds.refund(order(transfer_id, 1_000), CREATOR) for _ in range(16)))
    assert len(set(answers)) == 1
    assert await balance(ledger_pool, FAN) == 6_000


async def test_only_who_received_it_or_an_operator_gives_it_back(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    transfer_id = await tip(ledger_pool, 5_000)
    refunds = PostgresRefunds(ledger_pool)
    assert await refused(refunds.refund(order(transfer_id, by=FAN), FAN)) == "TRANSFER_NOT_FOUND"
    assert await refused(refunds.refund(order(transfer_id + 1), CREATOR)) == "TRANSFER_NOT_FOUND"
    top_up = await ledger_pool.fetchval("SELECT id FROM transfers WHERE kind = 'top_up'")
    assert await refused(refunds.refund(order(top_up, by=FAN), FAN)) == "NOT_REFUNDABLE"
    # The same key of another person is another key.
    mine = await refunds.refund(order(transfer_id, 100), CREATOR)
    theirs = await refunds.refund(order(transfer_id, 100, by=OPERATOR), None)
    assert mine.refund_id != theirs.refund_id
    assert await ledger_pool.fetchval("SELECT count(*) FROM accounts WHERE id = $1", -OPERATOR) == 0


async def test_what_is_owed_is_collected_from_what_comes_in(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    transfer_id = await tip(ledger_pool, 1_000)
    await spend(ledger_pool, 943)
    refunds, debts = PostgresRefunds(ledger_pool), PostgresDebts(ledger_pool)
    assert (await refunds.refund(order(transfer_id), CREATOR)).owed == 943
    assert await debts.collect_all() == 0
    await tip(ledger_pool, 500, "little")
    assert await asyncio.gather(*(debts.collect_all() for _ in range(4))) != [0, 0, 0, 0]
    assert (await balance(ledger_pool, CREATOR), await debts.owed(CREATOR)) == (0, 943 - 471)
    await tip(ledger_pool, 2_000, "much")
    await debts.collect_all()
    assert (await balance(ledger_pool, CREATOR), await debts.owed(CREATOR)) == (1_886 - 472, 0)
    assert await debts.collect_all() == 0


async def test_what_is_held_for_a_payout_is_not_taken(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    transfer_id = await tip(ledger_pool, 1_000)
    await ledger_pool.execute("SELECT place_hold($1, 900, 'payout', 5, NULL)", CREATOR)
    assert (await PostgresRefunds(ledger_pool).refund(order(transfer_id), CREATOR)).owed == 900


async def test_a_debt_is_written_off_once_and_never_more_than_is_owed(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    transfer_id = await tip(ledger_pool, 1_000)
    await spend(ledger_pool, 943)
    refunds, debts = PostgresRefunds(ledger_pool), PostgresDebts(ledger_pool)
    await refunds.refund(order(transfer_id), CREATOR)
    lost = order(CREATOR, 900, "case 12", OPERATOR)
    twins = await asyncio.gather(*(refunds.write_off(lost) for _ in range(8)))
    assert len(set(twins)) == 1
    assert (await debts.owed(CREATOR), await of_account(ledger_pool, -8)) == (43, -900)
    assert await refused(refunds.write_off(replace(lost, body=b"other"))) == "IDEMPOTENCY_KEY_REUSED"
    assert await refused(refunds.write_off(replace(lost, key="more", amount=44))) == "NOTHING_OWED"
    await refunds.write_off(replace(lost, key="rest", amount=0))
    assert await refused(refunds.write_off(replace(lost, key="none", amount=0))) == "NOTHING_OWED"
    # Nobody gets a wallet by having nothing to write off.
    assert await refused(refunds.write_off(order(424_242, 0, "x", OPERATOR))) == "NOTHING_OWED"
    assert await ledger_pool.fetchval("SELECT count(*) FROM accounts WHERE id IN (424242, -424242)") == 0


async def test_refunds_and_tips_of_the_same_people_at_once_never_deadlock(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 100_000)
    await give(ledger_pool, CREATOR, 100_000)
    ids = [await tip(ledger_pool, 1_000, f"t{n}") for n in range(20)]
    refunds, ledger, debts = PostgresRefunds(ledger_pool), PostgresTipLedger(ledger_pool), PostgresDebts(ledger_pool)
    await asyncio.gather(
        *(refunds.refund(order(transfer_id, key=f"{transfer_id}"), CREATOR) for transfer_id in ids),
        *(ledger.post_all([TipPosting(TipOrder(CREATOR, FAN, 200, 0, f"b{n}", b"h"), 10, 1)]) for n in range(20)),
        *(ledger.post_all([TipPosting(TipOrder(FAN, CREATOR, 200, 0, f"f{n}", b"h"), 10, 1)]) for n in range(20)),
        *(debts.collect_all() for _ in range(5)),
    )
    assert await debts.owed(CREATOR) == 0
