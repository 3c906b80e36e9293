"""Sagas as operators see them: what runs, what is stuck and why, and the path of one with all that it moved."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest

from services.chassis.clock import SystemClock
from services.chassis.postgres import PostgresPool, create_pool
from services.payments import show_sagas
from services.payments.adapters.postgres.saga_archive import read_saga
from services.payments.application.run_sagas import RunSagas
from services.payments.domain.providers import NO_ANSWER
from tests.integration.payments.test_payout_saga import (
    AMOUNT,
    CREATOR,
    NEVER_SEEN,
    SUCCEEDED,
    ScriptedProvider,
    begin,
    run_until,
)
from tests.integration.payments.test_postings import give


async def drawn(pool: PostgresPool, saga_id: int) -> list[str]:
    async with pool.acquire() as connection:
        found = await read_saga(connection, saga_id)
    assert found is not None
    return show_sagas.drawn(*found)


async def test_a_path_tells_all_that_happened_in_its_order(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, CREATOR, 50_000)
    store, saga_id = await begin(ledger_pool)
    provider = ScriptedProvider(NO_ANSWER, NEVER_SEEN, SUCCEEDED)
    await run_until(ledger_pool, store, provider, saga_id, "paid")
    lines = await drawn(ledger_pool, saga_id)
    assert lines[0] == f"payout {saga_id} of person {CREATOR}"
    told = [re.sub(r"^ +[\d:]+ +|daira-\d+", "", line) for line in lines if re.match(r" +\d\d:", line)]
    assert told[0] == "● requested: started"
    assert "● paid: the provider paid" in told
    text = "\n".join(told)
    for part in (
        f"│   ▪ hold: EGP 300.00 of {CREATOR} for payout: held",
        f"│   ▪ hold: EGP 300.00 of {CREATOR} for payout: captured",
        "│   ⇄ provider: payout of EGP 300.00 by bank",
        "│   £ ledger: payout of EGP 300.00",
        "● waiting: the outcome is not known yet",
    ):
        assert part in text
    assert lines[-3].endswith("▼ it goes on")
    assert f"amount={AMOUNT}" in lines[-1]


async def test_what_is_stuck_says_why(
    migrated_database: Callable[[str], str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = migrated_database("payments")
    pool = await create_pool(url, application_name="test", min_size=1, max_size=4)
    try:
        store, saga_id = await begin(pool)
        await RunSagas(store, ScriptedProvider(), [], SystemClock(), provider_timeout_s=1)()
    finally:
        await pool.close()
    monkeypatch.setenv("PAYMENTS_DATABASE_URL", url)
    for arguments, code, said in (
        (["list", "--stuck"], 0, "stuck: no machine runs sagas of kind payout"),
        (["list", "--kind", "refund"], 0, "no saga runs"),
        (["show", str(saga_id)], 0, f"payout {saga_id} of person {CREATOR}"),
        (["show", "1"], 1, "there is no saga 1"),
    ):
        assert await asyncio.to_thread(show_sagas.main, arguments) == code
        printed = capsys.readouterr()
        assert said in (printed.err if code else printed.out)
