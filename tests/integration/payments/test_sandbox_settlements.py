"""The sandbox provider's own report of a day, fetched over HTTP and reconciled rail by rail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.chassis.errors import AppError, ErrorKind
from services.chassis.postgres import PostgresPool, create_pool
from services.payments.adapters.postgres.reconciliations import PostgresReconciliations
from services.payments.adapters.providers.paymob_payouts import client_reference
from services.payments.adapters.settlement_reports import make_settlement_reports
from services.payments.application.reconcile import Reconcile
from services.payments.domain.cairo import cairo_day
from services.payments.domain.providers import Operation, OperationKind, Rail
from tests.integration.payments.rails import Rails

PATIENCE_S = 15.0
OPERATION_SQL = """
    INSERT INTO provider_operations (id, saga_id, purpose, kind, rail, amount, state, provider_fee, settled_at)
    VALUES ($1, (SELECT id FROM sagas), $2, $3, $4, $5, 'succeeded', $6, clock_timestamp())
"""


@pytest.fixture
async def pool(migrated_database: Callable[[str], str]) -> AsyncIterator[PostgresPool]:
    pool = await create_pool(migrated_database("payments"), application_name="test", min_size=1, max_size=2)
    await pool.execute("SELECT start_saga('payout', 5, 'k', 'x', NULL, 'requested', '{}', clock_timestamp(), '')")
    yield pool
    await pool.close()


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a sandbox that paid out twice, and has a voucher that nobody paid."""
    rails = Rails("postgresql://nowhere/none", tmp_path, {}, {})
    rails.start("dev.sandbox_provider")
    process = rails.running["dev.sandbox_provider"]
    payout = {"issuer": "bank_card", "national_id": "29805150102345"}
    to_bank = Operation(71, 1, "payout", OperationKind.PAYOUT, Rail.BANK, 20_000)
    try:
        async with httpx.AsyncClient(base_url=rails.sandbox_url) as client:
            await _ready(client)
            for reference in (client_reference(to_bank), "somebody-elses"):
                body = {**payout, "client_reference_id": reference, "amount": "200.00"}
                await _post(client, "/api/secure/disburse/", body)
            await _post(
                client, "/ECommerceWeb/Fawry/payments/charge", {"merchantRefNum": "daira-72", "amount": "300.00"}
            )
            await _settled(client)
        yield rails.sandbox_url
    finally:
        process.kill()
        process.wait(timeout=30)


async def _ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await client.get("/readyz")
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


async def _post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    answer = await client.post(path, json=body)
    assert answer.status_code < 400, answer.text


async def _settled(client: httpx.AsyncClient) -> None:
    """Wait until both payouts are paid."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            entries = (await client.get("/sandbox/operations")).json()
            if all(entry["state"] == "succeeded" for entry in entries if entry["shape"] == "payout"):
                return
            await asyncio.sleep(0.05)


async def test_the_sandboxs_day_is_reconciled_by_rail(sandbox: str, pool: PostgresPool) -> None:
    store = PostgresReconciliations(pool)
    reports = make_settlement_reports(f"{sandbox}/settlements", store)
    assert reports is not None
    day = cairo_day(datetime.now(UTC))
    await pool.execute(OPERATION_SQL, 71, "payout", "payout", "bank", 20_000, 0)
    (line,) = await reports.day(Rail.BANK, day)
    assert (line.reference, line.kind, line.amount) == ("daira-71", OperationKind.PAYOUT, 20_000)
    await pool.execute("UPDATE provider_operations SET provider_fee = $1", line.fee)
    # What nobody here asked for is counted where such payouts go.
    (stranger,) = await reports.day(Rail.MOBILE, day)
    assert stranger.reference == "somebody-elses"
    for rail, kinds in (
        # Nothing was booked in this test.
        (Rail.BANK, {"amount_differs", "fee_differs"} if line.fee else {"amount_differs"}),
        (Rail.MOBILE, {"missing_here"}),
        (Rail.CARD, set()),
    ):
        await Reconcile(store).day(rail, day, reports)
        found = await store.breaks(closed=False, limit=100)
        assert {one.found.kind.value for one in found if one.rail is rail} == kinds


async def test_a_provider_that_is_away_is_told_as_away(pool: PostgresPool) -> None:
    reports = make_settlement_reports("http://127.0.0.1:1/settlements", PostgresReconciliations(pool))
    assert reports is not None
    with pytest.raises(AppError) as refused:
        await reports.day(Rail.CARD, cairo_day(datetime.now(UTC)))
    assert refused.value.kind is ErrorKind.UNAVAILABLE
    assert make_settlement_reports("", PostgresReconciliations(pool)) is None
