"""A ledger from before there were holds and months: its money is where it was, and goes on moving."""

from __future__ import annotations

from collections.abc import Callable

from services.chassis.migrations import upgrade
from services.chassis.postgres import create_pool
from services.payments.adapters.postgres.ledger_upkeep import check_ledger, fold_accounts
from services.payments.adapters.postgres.tip_ledger import PostgresTipLedger
from services.payments.adapters.postgres.wallets import PostgresWallets
from services.payments.domain.tips import TipOutcome
from services.payments.migrate import SCRIPTS
from tests.integration.payments.test_postings import CREATOR, FAN, balance, give, posting

LOCK = "payments-migrations"


async def test_money_of_before_stays_and_moves(postgres_database: Callable[[str], str]) -> None:
    url = postgres_database("payments_of_before")
    await upgrade(url, SCRIPTS, lock_key=LOCK, revision="0003")
    pool = await create_pool(url, application_name="before")
    await give(pool, FAN, 10_000)
    first = await PostgresTipLedger(pool).post_all([posting(1_000, "before")])
    await fold_accounts(pool)
    second = await PostgresTipLedger(pool).post_all([posting(500, "unfolded")])
    lines = await PostgresWallets(pool).entries(FAN, before=1 << 62, limit=10)
    await pool.close()
    # Twice, as when two replicas start.
    for _ in range(2):
        await upgrade(url, SCRIPTS, lock_key=LOCK)
    pool = await create_pool(url, application_name="after")
    assert await PostgresWallets(pool).entries(FAN, before=1 << 62, limit=10) == lines
    again = await PostgresTipLedger(pool).post_all([posting(1_000, "before")])
    assert (again[0].outcome, again[0].transfer_id) == (TipOutcome.REPLAYED, first[0].transfer_id)
    after = await PostgresTipLedger(pool).post_all([posting(2_000, "after")])
    assert after[0].outcome is second[0].outcome is TipOutcome.POSTED
    await fold_accounts(pool)
    assert (await balance(pool, FAN), await balance(pool, CREATOR)) == (6_500, 3_290)
    async with pool.acquire() as connection:
        assert await check_ledger(connection) == []
    await pool.close()
