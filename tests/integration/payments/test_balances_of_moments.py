"""Balances of any moment against plain sums, trial balances that are zero at all of them, and closing ones."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, time, timedelta

import pytest

from services.chassis.postgres import PostgresConnection, PostgresPool
from services.payments.adapters.postgres.trial_balances import PostgresTrialBalances, balance_now, balance_of
from services.payments.domain.cairo import CAIRO, cairo_day, day_begins
from services.payments.domain.trial_balance import KIND_OF, TrialBalance
from services.payments.trial_balance import read_moment, report
from tests.fakes.clock import FixedClock
from tests.integration.payments.sealed_ledger import deposit, intruder, tips

PEOPLE = range(9_000_000, 9_000_005)
SPREAD = timedelta(days=20)

PLAIN_SQL = """
    SELECT e.account_id, sum(e.amount)::bigint FROM entries e JOIN transfers t ON t.id = e.transfer_id
    WHERE t.posted_at <= $1 GROUP BY 1
"""


async def _history(pool: PostgresPool) -> list[datetime]:
    """Money that moved on twenty days: what is posted now is put back in time, ids and all; its moments."""
    chance = random.Random(3)
    for person in PEOPLE:
        await deposit(pool, person, 1_000_000)
    for _ in range(60):
        pairs = [(person, chance.choice([other for other in PEOPLE if other != person])) for person in PEOPLE]
        await tips(pool, pairs[: chance.randrange(1, 5)], chance.randrange(100, 5_000))
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        # Those of one posting stay together, for their order in a wallet is not that of their ids.
        rows = await connection.fetch("SELECT id, dense_rank() OVER (ORDER BY xid DESC) FROM transfers ORDER BY id")
        ids = [row[0] for row in rows]
        back_ms = [row[1] * (int(SPREAD.total_seconds() * 1000) // len(rows)) for row in rows]
        moved = [identifier - (back << 22) for identifier, back in zip(ids, back_ms, strict=True)]
        await connection.execute(
            "UPDATE entries e SET id = m.fresh | (e.id & (1023 << 12)), transfer_id = m.fresh"
            " FROM unnest($1::bigint[], $2::bigint[]) AS m (old, fresh) WHERE e.transfer_id = m.old", ids, moved,
        )  # fmt: skip
        await connection.execute(
            "UPDATE transfers t SET id = m.fresh, posted_at = t.posted_at - make_interval(secs => m.back)"
            " FROM unnest($1::bigint[], $2::bigint[], $3::float8[]) AS m (old, fresh, back) WHERE t.id = m.old",
            ids, moved, [back / 1000 for back in back_ms],
        )  # fmt: skip
        await connection.execute("UPDATE events e SET aggregate_id = m.fresh FROM unnest($1::bigint[], $2::bigint[])"
                                 " AS m (old, fresh) WHERE e.aggregate_id = m.old", ids, moved)  # fmt: skip
    return [row[0] for row in await pool.fetch("SELECT posted_at FROM transfers ORDER BY posted_at")]


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _moments(posted: list[datetime]) -> list[datetime]:
    chance = random.Random(4)
    exact = chance.sample(posted, 12)
    return [
        *exact,
        *(moment - timedelta(microseconds=1) for moment in exact[:6]),
        *(posted[0] + (posted[-1] - posted[0]) * chance.random() for _ in range(6)),
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(2200, 1, 1, tzinfo=UTC),
    ]


async def test_balances_of_any_moment_are_the_sums_until_then(ledger_pool: PostgresPool) -> None:
    posted = await _history(ledger_pool)
    accounts = [*PEOPLE, *(int(account) for account in KIND_OF), -PEOPLE[0]]
    async with ledger_pool.acquire() as connection:
        for moment in _moments(posted):
            plain = {row[0]: row[1] for row in await connection.fetch(PLAIN_SQL, moment)}
            held = await connection.fetch(
                "SELECT account, balance_at(account, $2) FROM unnest($1::bigint[]) AS account", accounts, moment
            )
            assert {row[0]: row[1] for row in held} == {account: plain.get(account, 0) for account in accounts}
            balance = await balance_of(connection, moment)
            assert balance.is_right
            assert balance.sums.get("fee", 0) == plain.get(-1, 0)
            assert balance.sums.get("wallet", 0) == sum(plain.get(person, 0) for person in PEOPLE)


async def test_closing_balances_are_kept_once_and_follow_one_another(ledger_pool: PostgresPool) -> None:
    posted = await _history(ledger_pool)
    first, last = cairo_day(posted[0]), cairo_day(posted[-1])
    for day in (first, first + timedelta(days=1), first + timedelta(days=4), last):
        night = day_begins(day + timedelta(days=1)) + timedelta(hours=3)
        early = PostgresTrialBalances(ledger_pool, FixedClock(_ms(night) - 60_000), time(3))
        assert await early.keep_closing() is None
        balances = PostgresTrialBalances(ledger_pool, FixedClock(_ms(night)), time(3))
        closing = await balances.keep_closing()
        assert closing is not None
        assert await balances.keep_closing() is None
        async with ledger_pool.acquire() as connection:
            whole = await balance_of(connection, day_begins(day + timedelta(days=1)) - timedelta(microseconds=1))
        assert {kind: sum_ for kind, sum_ in closing.sums.items() if sum_} == whole.sums
        kept = await ledger_pool.fetchrow("SELECT sums, unbalanced FROM trial_balances WHERE cairo_day = $1", day)
        assert kept is not None
        assert (json.loads(kept["sums"]), kept["unbalanced"]) == (dict(closing.sums), 0)


async def test_a_missing_piastre_is_told(ledger_pool: PostgresPool) -> None:
    transfer = await deposit(ledger_pool, PEOPLE[0], 10_000)
    async with intruder(ledger_pool) as connection:
        await connection.execute(
            "UPDATE entries SET amount = amount - 1 WHERE transfer_id = $1 AND amount > 0", transfer
        )
        balance = await balance_of(connection, datetime(2200, 1, 1, tzinfo=UTC))
        assert (balance.unbalanced, balance.is_right) == (-1, False)
        # What the wallet says it holds is another matter, which check_ledger looks at.
        assert (await balance_now(connection)).is_right
    assert report(balance)[-1] == "trial balance: WRONG"
    assert "-100.00 EGP" in "\n".join(report(TrialBalance({"provider_clearing": -10_000, "wallet": 10_000})))


async def test_a_wallet_without_lines_held_nothing(ledger_pool: PostgresPool) -> None:
    async with ledger_pool.acquire() as connection:
        assert await _held(connection, 5, "infinity") == await _held(connection, 5, "-infinity") == 0


async def _held(connection: PostgresConnection, account: int, moment: str) -> int:
    held: int = await connection.fetchval("SELECT balance_at($1, $2::text::timestamptz)", account, moment)
    return held


def test_moments_are_cairos_unless_they_say_otherwise() -> None:
    assert read_moment("2026-07-01T10:00") == datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert read_moment("2026-07-01T10:00Z") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    with pytest.raises(ValueError, match="isoformat"):
        read_moment("tomorrow")


@pytest.mark.parametrize("day", [date(2026, 4, 24), date(2026, 10, 30), date(2026, 7, 1)])
def test_a_day_begins_where_the_calendar_turns(day: date) -> None:
    begins = day_begins(day)
    assert cairo_day(begins) == day
    assert cairo_day(begins - timedelta(microseconds=1)) == day - timedelta(days=1)
    assert begins.astimezone(CAIRO).hour in {0, 1}
