"""Holds, transfers of every kind and what takes them back, by the functions themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from services.chassis.postgres import PostgresPool
from tests.integration.payments.test_postings import give

FAN, CREATOR = 7_001, 7_002
CLEARING = -6

POST = "SELECT outcome, transfer, actor_balance FROM post_transfer($1,$2,$3,$4,$5,$6,0,$7,$8,$9,$10,$11,$12,$13,'')"


async def post(
    pool: PostgresPool, kind: str, actor: int, legs: Sequence[tuple[int, int]], *, key: str = "k", hold: int = 0,
    reverses: int = 0, body: bytes = b"body",
) -> tuple[Any, ...]:  # fmt: skip
    total = sum(amount for _, amount in legs if amount > 0)
    fee = abs(sum(amount for account, amount in legs if account == -1))
    vat = abs(sum(amount for account, amount in legs if account == -2))
    row = await pool.fetchrow(
        POST, kind, actor, actor, total, fee, vat, key, body, [account for account, _ in legs],
        [amount for _, amount in legs], hold, reverses, "transfer_posted",
    )  # fmt: skip
    assert row is not None
    return tuple(row)


async def hold(pool: PostgresPool, amount: int, saga: int, lasts: str | None = None, account: int = FAN) -> Any:
    sql = "SELECT outcome, hold_id FROM place_hold($1, $2, 'payout', $3, $4::text::interval)"
    return await pool.fetchrow(sql, account, amount, saga, lasts)


async def test_what_is_held_is_not_there_for_others(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 1_000)
    assert (await hold(ledger_pool, 800, 1))["outcome"] == "held"
    assert (await hold(ledger_pool, 300, 2))["outcome"] == "insufficient"
    assert await post(ledger_pool, "payout", FAN, [(FAN, -300), (CLEARING, 300)]) == ("insufficient", 0, 0)
    tip = "SELECT outcome FROM post_tip($1, $2, 300, 15, 2, 0, 'k', 'h', '')"
    assert await ledger_pool.fetchval(tip, FAN, CREATOR) == "insufficient"
    assert await ledger_pool.fetchval("SELECT release_hold($1)", (await hold(ledger_pool, 800, 1))["hold_id"]) == (
        "released"
    )
    assert await ledger_pool.fetchval(tip, FAN, CREATOR) == "posted"


async def test_racing_holds_never_exceed_the_wallet(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 1_000)
    outcomes = [row["outcome"] for row in await asyncio.gather(*(hold(ledger_pool, 300, n) for n in range(1, 17)))]
    assert sorted(outcomes) == ["held"] * 3 + ["insufficient"] * 13


async def test_a_hold_is_used_up_once(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 1_000)
    placed = (await hold(ledger_pool, 600, 1))["hold_id"]
    legs = [(FAN, -600), (CLEARING, 600)]
    first, second = await asyncio.gather(*(post(ledger_pool, "payout", FAN, legs, hold=placed) for _ in range(2)))
    assert sorted([first[0], second[0]]) == ["posted", "replayed"]
    assert first[1:] == second[1:]
    assert (await post(ledger_pool, "payout", FAN, legs, key="again", hold=placed))[0] == "hold_gone"
    assert (await post(ledger_pool, "payout", FAN, legs, body=b"other"))[0] == "key_reused"
    left = await ledger_pool.fetch("SELECT posted, held FROM accounts WHERE id = $1", FAN)
    assert [tuple(row) for row in left] == [(400, 0)]


async def test_holds_end_by_themselves_and_not_before(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 1_000)
    await hold(ledger_pool, 100, 1, "-1 second")
    await hold(ledger_pool, 200, 2, "1 hour")
    await hold(ledger_pool, 300, 3)
    assert await ledger_pool.fetchval("SELECT expire_holds(10)") == 1
    assert await ledger_pool.fetchval("SELECT expire_holds(10)") == 0
    assert await ledger_pool.fetchval("SELECT held FROM accounts WHERE id = $1", FAN) == 500


async def test_what_is_taken_back_never_exceeds_what_was_moved(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    tip = "SELECT transfer_id FROM post_tip($1, $2, 1000, 50, 7, 0, 'k', 'h', '')"
    original = await ledger_pool.fetchval(tip, FAN, CREATOR)
    legs = [(CREATOR, -377), (-1, -20), (-2, -3), (FAN, 400)]
    refunds = await asyncio.gather(
        *(post(ledger_pool, "refund", CREATOR, legs, key=f"{n}", reverses=original) for n in range(8))
    )
    assert sorted(outcome for outcome, *_ in refunds) == ["exceeds_original"] * 6 + ["posted"] * 2


async def test_who_was_paid_out_already_owes(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    original = await ledger_pool.fetchval(
        "SELECT transfer_id FROM post_tip($1, $2, 1000, 50, 7, 0, 'k', 'h', '')", FAN, CREATOR
    )
    assert (await post(ledger_pool, "payout", CREATOR, [(CREATOR, -943), (CLEARING, 943)]))[0] == "posted"
    from_wallet = [(CREATOR, -943), (-1, -50), (-2, -7), (FAN, 1_000)]
    assert (await post(ledger_pool, "refund", CREATOR, from_wallet, reverses=original))[0] == "insufficient"
    owed = [(-CREATOR, -943), (-1, -50), (-2, -7), (FAN, 1_000)]
    assert (await post(ledger_pool, "refund", CREATOR, owed, reverses=original))[0] == "posted"
    assert await ledger_pool.fetchval("SELECT posted FROM accounts WHERE id = $1", -CREATOR) == -943
    with pytest.raises(asyncpg.CheckViolationError, match="recovery_is_owed"):
        await post(ledger_pool, "subscription", FAN, [(FAN, -2_000), (-CREATOR, 2_000)])


async def test_closed_wallets_take_and_give_nothing_new(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 1_000)
    await ledger_pool.execute("SELECT close_wallets(ARRAY[$1::bigint])", CREATOR)
    tip = "SELECT outcome FROM post_tip($1, $2, 300, 15, 2, 0, 'k', 'h', '')"
    assert await ledger_pool.fetchval(tip, FAN, CREATOR) == "closed"
    assert (await post(ledger_pool, "subscription", FAN, [(FAN, -300), (CREATOR, 300)]))[0] == "closed"
    await ledger_pool.execute("SELECT close_wallets(ARRAY[$1::bigint])", FAN)
    assert (await hold(ledger_pool, 100, 1))["outcome"] == "closed"
    # What is in it may still leave.
    assert (await post(ledger_pool, "payout", FAN, [(FAN, -1_000), (CLEARING, 1_000)]))[0] == "posted"


@pytest.mark.parametrize(
    "legs",
    [
        [(FAN, -300)],
        [(FAN, -300), (FAN, 300)],
        [(FAN, -300), (CLEARING, 299)],
        [(FAN, -300), (CLEARING, 300), (-1, 0)],
        [(FAN, 1), *((-n, -1) for n in range(1, 18))],
    ],
)
async def test_legs_that_are_none_are_refused(ledger_pool: PostgresPool, legs: list[tuple[int, int]]) -> None:
    await give(ledger_pool, FAN, 1_000)
    with pytest.raises(asyncpg.PostgresError):
        await post(ledger_pool, "payout", FAN, legs)
    assert await ledger_pool.fetchval("SELECT posted FROM accounts WHERE id = $1", FAN) == 1_000


async def test_entries_lie_in_months_and_stay(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 1_000)
    names = [row[0] for row in await ledger_pool.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'entries'::regclass ORDER BY 1"
    )]  # fmt: skip
    assert len(names) == 13
    assert await ledger_pool.fetchval("SELECT make_entry_partitions(12)") == 0
    assert await ledger_pool.fetchval("SELECT make_entry_partitions(14)") == 2
    for name in names:
        for statement in (f"UPDATE {name} SET amount = 1", f"DELETE FROM {name}", f"TRUNCATE {name}"):
            with pytest.raises(asyncpg.PostgresError, match="append-only"):
                await ledger_pool.execute(statement)


async def test_a_hold_that_is_over_is_not_had_again(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 1_000)
    lasting = ((1, None), (2, "-1 second"), (3, None))
    placed = [(await hold(ledger_pool, 100, saga, lasts))["hold_id"] for saga, lasts in lasting]
    await ledger_pool.execute("SELECT release_hold($1)", placed[0])
    await ledger_pool.execute("SELECT expire_holds(10)")
    assert (await post(ledger_pool, "payout", FAN, [(FAN, -100), (CLEARING, 100)], hold=placed[2]))[0] == "posted"
    again = [tuple(await hold(ledger_pool, 100, saga)) for saga in (1, 2, 3)]
    assert again == [("released", placed[0]), ("expired", placed[1]), ("captured", placed[2])]
    assert await ledger_pool.fetchval("SELECT held FROM accounts WHERE id = $1", FAN) == 0
