"""Runners that stand still past their lease inside of a provider's call, and a database that goes during a takeover."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

import pytest

from dev.stores.postgres_server import EmbeddedPostgres
from services.chassis.postgres import PostgresPool, create_pool
from services.payments.adapters.postgres.ledger_upkeep import check_ledger
from tests.integration.payments.bank import stop_immediately
from tests.integration.payments.runners import Runners, away_or, migrate, until
from tests.integration.payments.saga_runner import Order
from tests.integration.payments.test_saga_crashes import AMOUNT, FIRST_PERSON, GIVEN, ask_payout

USED = "SELECT month_used::bigint FROM limit_usage WHERE user_id = $1 AND rail = 'bank_payout'"
pytestmark = pytest.mark.faults


def ended(pool: PostgresPool, saga_id: int) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return bool(await pool.fetchval("SELECT ended_at IS NOT NULL FROM sagas WHERE id = $1", saga_id))

    return look


@pytest.mark.parametrize(
    ("answer", "has_paid", "heir_asks"),
    [("lies", False, ["inquire", "send"]), ("succeeded", False, ["inquire", "send"]), ("succeeded", True, ["inquire"])],
    ids=["says no when it wakes", "sends when it wakes", "had sent"],
)
async def test_a_zombie_decides_nothing(
    ledger_pool: PostgresPool, migrated_url: str, runners: Runners, answer: str, heir_asks: list[str], *, has_paid: bool
) -> None:
    saga_id, frozen = await ask_payout(ledger_pool, FIRST_PERSON), runners.folder / "in_call"
    order = Order(migrated_url, runners.provider, "zombie", answer=answer, freeze=str(frozen), has_paid=has_paid)
    zombie = runners.start(order)
    await until(frozen.exists)
    zombie.send_signal(signal.SIGSTOP)
    runners.start(Order(migrated_url, runners.provider, "heir"))
    await until(ended(ledger_pool, saga_id))
    before = await everything(ledger_pool)
    zombie.send_signal(signal.SIGCONT)
    await until(lambda: "saga_fenced" in runners.said("zombie"))
    assert await everything(ledger_pool) == before
    assert [amount for _, amount in runners.paid()] == [AMOUNT]
    assert runners.asked("zombie")[0] == "send"
    assert runners.asked("heir") == heir_asks
    row = await ledger_pool.fetchrow("SELECT posted, held FROM accounts WHERE id = $1", FIRST_PERSON)
    assert row is not None
    assert tuple(row) == (GIVEN - AMOUNT, 0)
    assert await ledger_pool.fetchval(USED, FIRST_PERSON) == AMOUNT
    epochs = await ledger_pool.fetch(
        "SELECT to_state, epoch FROM saga_steps WHERE saga_id = $1 ORDER BY number", saga_id
    )
    assert [row["epoch"] for row in epochs] == sorted(row["epoch"] for row in epochs)
    assert [row["to_state"] for row in epochs].count("paid") == 1


async def everything(pool: PostgresPool) -> list[str]:
    """All that a runner may change."""
    tables = ("accounts", "holds", "transfers", "sagas", "saga_steps", "provider_operations", "limit_usage", "events")
    return [
        await pool.fetchval(f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t")
        for table in tables
    ]


async def test_the_database_stops_while_another_runner_takes_over(
    killable_postgres: EmbeddedPostgres, runners: Runners
) -> None:
    await migrate(killable_postgres.url)
    pool = await create_pool(killable_postgres.url, application_name="test", min_size=1, max_size=2)
    saga_id = await ask_payout(pool, FIRST_PERSON)
    sending, taking_over = runners.folder / "sending", runners.folder / "taking_over"
    url = killable_postgres.url
    dying = runners.start(Order(url, runners.provider, "dying", freeze=str(sending), has_paid=True, frozen_s=60))
    await until(sending.exists)
    dying.kill()
    runners.start(Order(url, runners.provider, "heir", freeze=str(taking_over)))
    await until(taking_over.exists)
    await asyncio.to_thread(stop_immediately, killable_postgres)
    await asyncio.to_thread(killable_postgres.start)
    await until(lambda: away_or(ended(pool, saga_id)))
    row = await pool.fetchrow("SELECT s.state, a.posted, a.held FROM sagas s JOIN accounts a ON a.id = s.subject_id")
    assert row is not None
    assert tuple(row) == ("completed", GIVEN - AMOUNT, 0)
    assert [amount for _, amount in runners.paid()] == [AMOUNT]
    assert "send" not in runners.asked("heir")
    async with pool.acquire() as connection:
        assert await check_ledger(connection) == []
    await pool.close()
