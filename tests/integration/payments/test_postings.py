"""The posting functions under concurrency, and what the tables refuse to anybody."""

from __future__ import annotations

import asyncio
import contextlib
import random
from datetime import date

import asyncpg
import pytest

from services.chassis.postgres import PostgresPool
from services.payments.adapters.postgres.ledger_upkeep import check_ledger, fold_accounts
from services.payments.adapters.postgres.tip_ledger import PostgresTipLedger
from services.payments.adapters.postgres.wallets import PostgresWallets
from services.payments.adapters.tip_batches import TipBatches
from services.payments.domain.tips import TipOrder, TipOutcome, TipPosting

FAN, CREATOR = 11, 12


def posting(amount: int, key: str, *, sender: int = FAN, recipient: int = CREATOR) -> TipPosting:
    return TipPosting(TipOrder(sender, recipient, amount, 0, key, key.encode()), amount // 20, amount // 100)


async def begin_top_up(pool: PostgresPool, user_id: int, amount: int, key: str) -> int:
    """The record of a top-up, without a saga: as it is in any version of the schema."""
    await pool.execute("SELECT open_wallets(ARRAY[$1::bigint], $1)", user_id)
    return int(await pool.fetchval(
        "INSERT INTO top_ups (id, user_id, amount, key, body_hash, inquire_at, cairo_day)"
        " VALUES (daira_id(0), $1, $2, $3, 'h', now(), cairo_day(now())) RETURNING id", user_id, amount, key,
    ))  # fmt: skip


async def give(pool: PostgresPool, user_id: int, amount: int, key: str = "given") -> None:
    await pool.execute("SELECT post_top_up($1, true, '')", await begin_top_up(pool, user_id, amount, key))


async def balance(pool: PostgresPool, user_id: int) -> int:
    return (await PostgresWallets(pool).open(user_id)).balance


async def test_32_tips_at_once_drain_a_wallet_to_zero_and_not_below(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    ledger = PostgresTipLedger(ledger_pool)
    # Straight to the ledger, each in a transaction of its own: nothing in this process puts them in a row.
    results = await asyncio.gather(*(ledger.post_all([posting(600, f"k{n}")]) for n in range(32)))
    outcomes = [result[0].outcome for result in results]
    assert outcomes.count(TipOutcome.POSTED) == 16
    assert outcomes.count(TipOutcome.INSUFFICIENT) == 16
    assert await balance(ledger_pool, FAN) == 400


async def test_one_key_raced_over_many_connections_has_one_effect(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    ledger = PostgresTipLedger(ledger_pool)
    results = await asyncio.gather(*(ledger.post_all([posting(600, "same")]) for _ in range(32)))
    outcomes = [result[0].outcome for result in results]
    assert outcomes.count(TipOutcome.POSTED) == 1
    assert outcomes.count(TipOutcome.REPLAYED) == 31
    assert len({(r[0].transfer_id, r[0].balance_after) for r in results}) == 1


async def test_people_tipping_one_another_at_once_never_deadlock(ledger_pool: PostgresPool) -> None:
    people = range(100, 124)
    for user_id in people:
        await give(ledger_pool, user_id, 5_000)
    chance = random.Random(5)
    batches = [TipBatches(PostgresTipLedger(ledger_pool), batch_max=8, in_flight_max=3) for _ in range(3)]

    async def spend(number: int) -> TipOutcome:
        # Half of the recipients are people without a wallet, opened by several batches at the same time.
        sender, recipient = chance.sample([*people, *range(200, 224)], 2)
        return (await batches[number % 3].post(posting(400, f"k{number}", sender=sender, recipient=recipient))).outcome

    outcomes = await asyncio.gather(*(spend(number) for number in range(600)))
    assert set(outcomes) <= {TipOutcome.POSTED, TipOutcome.INSUFFICIENT, TipOutcome.AGAIN}
    assert outcomes.count(TipOutcome.POSTED) > 100
    total = "SELECT sum(balance)::bigint FROM account_balances WHERE kind <> 'provider_clearing'"
    assert await ledger_pool.fetchval(total) == len(people) * 5_000


async def test_a_wallet_that_is_opened_meanwhile_is_not_used_without_its_lock(ledger_pool: PostgresPool) -> None:
    # While the batch waits for the sender's lock, the sender's money comes, and somebody opens the recipient's wallet.
    sender, recipient = 900, 901
    await give(ledger_pool, sender, 1)
    coming = await begin_top_up(ledger_pool, sender, 1_000, "coming")
    tip = posting(400, "k", sender=sender, recipient=recipient)
    async with ledger_pool.acquire() as other, other.transaction():
        await other.execute("SELECT 1 FROM accounts WHERE id = $1 FOR NO KEY UPDATE", sender)
        waiting = asyncio.create_task(PostgresTipLedger(ledger_pool).post_all([tip]))
        blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%post_tips%'"
        while not await ledger_pool.fetchval(blocked):  # noqa: ASYNC110 - it is a server's state
            await asyncio.sleep(0.01)
        await other.execute("SELECT post_top_up($1, true, '')", coming)
        await other.execute("SELECT open_wallets(ARRAY[$1::bigint], 0)", recipient)
    assert [result.outcome for result in await waiting] == [TipOutcome.AGAIN]
    assert [result.outcome for result in await PostgresTipLedger(ledger_pool).post_all([tip])] == [TipOutcome.POSTED]


async def test_a_batch_takes_one_tip_a_sender(ledger_pool: PostgresPool) -> None:
    with pytest.raises(asyncpg.PostgresError, match="one tip a sender"):
        await PostgresTipLedger(ledger_pool).post_all([posting(100, "a"), posting(100, "b")])


async def test_refused_tips_do_not_hinder_the_rest_of_their_batch(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 1_000)
    await give(ledger_pool, 13, 1_000)
    results = await PostgresTipLedger(ledger_pool).post_all(
        [posting(2_000, "a"), posting(300, "b", sender=13), posting(100, "c", sender=CREATOR, recipient=FAN)]
    )
    # The third sender has nothing before the batch, and the first must not be paid from the batch either.
    assert [r.outcome for r in results] == [TipOutcome.INSUFFICIENT, TipOutcome.POSTED, TipOutcome.INSUFFICIENT]


async def test_settling_is_done_once_whoever_does_it(ledger_pool: PostgresPool) -> None:
    top_up = await begin_top_up(ledger_pool, FAN, 700, "k")
    settle = "SELECT state, balance FROM post_top_up($1, $2, '')"
    settled = await asyncio.gather(*(ledger_pool.fetchrow(settle, top_up, n < 8) for n in range(16)))
    states = {record["state"] for record in settled if record is not None}
    assert len(states) == 1
    assert await balance(ledger_pool, FAN) == (700 if states == {"succeeded"} else 0)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        # The night of 2026-04-24 has no hour from 0 to 1.
        ("2026-04-23T21:59:59Z", date(2026, 4, 23)),
        ("2026-04-23T22:00:00Z", date(2026, 4, 24)),
        # The evening of 2026-10-29 has its last hour twice.
        ("2026-10-29T20:30:00Z", date(2026, 10, 29)),
        ("2026-10-29T21:30:00Z", date(2026, 10, 29)),
        ("2026-10-29T22:00:00Z", date(2026, 10, 30)),
    ],
)
async def test_days_are_cairo_days_also_when_clocks_change(ledger_pool: PostgresPool, moment: str, day: date) -> None:
    assert await ledger_pool.fetchval("SELECT cairo_day($1::text::timestamptz)", moment) == day


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET amount = amount + 1",
        "DELETE FROM entries",
        "TRUNCATE entries",
        "UPDATE transfers SET amount = 1",
        "DELETE FROM transfers",
        "UPDATE accounts SET posted = -1 WHERE id = 11",
        "INSERT INTO entries (id, transfer_id, account_id, amount) VALUES (1, 1, -1, 5)",
        "INSERT INTO entries (id, transfer_id, account_id, amount) VALUES (1, 1, -1, 5), (2, 1, -2, -4)",
        "SELECT post_tip(11, 11, 100, 5, 1, 0, 'k', 'h', '')",
        "SELECT post_tip(11, 12, 100, 90, 10, 0, 'k', 'h', '')",
        "SELECT post_tip(11, 12, -100, 5, 1, 0, 'k', 'h', '')",
        "SELECT post_tip(11, -1, 100, 5, 1, 0, 'k', 'h', '')",
    ],
)
async def test_tables_refuse_what_breaks_the_ledger(ledger_pool: PostgresPool, statement: str) -> None:
    await give(ledger_pool, FAN, 1_000)
    before = await ledger_pool.fetch("SELECT * FROM account_balances ORDER BY id")
    # Some are refused and some do nothing: neither moves a piastre.
    with contextlib.suppress(asyncpg.PostgresError):
        await ledger_pool.execute(statement)
    assert await ledger_pool.fetch("SELECT * FROM account_balances ORDER BY id") == before


async def test_the_check_finds_one_altered_piastre(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 1_000)
    await PostgresTipLedger(ledger_pool).post_all([posting(300, "k")])
    async with ledger_pool.acquire() as connection:
        for alteration in (
            "UPDATE accounts SET posted = posted + 1 WHERE id = 11",
            "UPDATE entries SET amount = amount + 1 WHERE account_id = -1",
            "UPDATE entries SET balance_after = 999 WHERE account_id = 12",
            "UPDATE transfers SET fee = fee - 1 WHERE kind = 'tip'",
            "DELETE FROM entries WHERE account_id = -2",
            "DELETE FROM transfers WHERE kind = 'tip'",
            "DELETE FROM events WHERE kind = 'tip_sent'",
            "INSERT INTO events (kind, aggregate_id) SELECT kind, aggregate_id FROM events WHERE kind = 'tip_sent'",
            "UPDATE top_ups SET amount = 999",
            "UPDATE accounts SET version = version + 1 WHERE id = 12",
        ):
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute(alteration)
            assert await check_ledger(connection) != [], alteration
            await transaction.rollback()


async def test_folding_keeps_balances_while_postings_go_on(ledger_pool: PostgresPool) -> None:
    senders = range(300, 316)
    for sender in senders:
        await give(ledger_pool, sender, 5_000)
    ledger = PostgresTipLedger(ledger_pool)
    folding = True

    async def fold() -> int:
        folds = 0
        while folding:
            await fold_accounts(ledger_pool)
            folds += 1
        return folds

    folder = asyncio.create_task(fold())
    for number in range(10):
        await asyncio.gather(*(ledger.post_all([posting(100, f"k{number}", sender=sender)]) for sender in senders))
    folding = False
    assert await folder > 0
    await fold_accounts(ledger_pool)
    fees = await ledger_pool.fetchrow("SELECT posted FROM accounts WHERE id = -1")
    assert fees is not None
    assert fees["posted"] == 10 * len(senders) * 5


async def test_a_plan_made_for_empty_tables_still_looks_up_by_index_when_they_are_full(
    ledger_pool: PostgresPool,
) -> None:
    read = "SELECT relname, seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables"
    post = "SELECT * FROM post_tip(11, 12, 100, 5, 1, 0, $1, 'h', '')"
    await give(ledger_pool, FAN, 10_000)
    async with ledger_pool.acquire() as old_session, ledger_pool.acquire() as other:
        await old_session.fetch(post, "first")
        await other.execute("SELECT open_wallets(ARRAY(SELECT generate_series(1000, 6000)), 0)")
        for number in range(80):
            await other.fetch(post, f"k{number}")
        async with old_session.transaction():
            before = {row["relname"]: row["rows"] for row in await old_session.fetch(read)}
            await old_session.fetch(post, "last")
            after = {row["relname"]: row["rows"] for row in await old_session.fetch(read)}
    for table in ("accounts", "transfers"):
        assert after[table] - before.get(table, 0) < 30, table
