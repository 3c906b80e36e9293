"""What payments holds about a person: wallet, debt, every line, and what is under way; and no table is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime

from services.chassis.postgres import PostgresPool
from services.payments.adapters.instrument_box import InstrumentBox
from services.payments.adapters.postgres import personal_data as module
from services.payments.adapters.postgres.personal_data import payments_data
from tests.fakes.personal_records import gather, unaccounted_tables
from tests.integration.payments.test_payout_saga import CREATOR, begin
from tests.integration.payments.test_postings import give

BOX = InstrumentBox(bytes(32))
FAN = 7_301
TIP = "SELECT outcome FROM post_tip($1, $2, 300, 15, 2, 9, $3, 'h', '')"


async def test_every_line_of_a_wallet_is_there_once_in_pages_of_any_size(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, FAN, 10_000)
    for number in range(20):
        assert await ledger_pool.fetchval(TIP, FAN, CREATOR, f"k{number}") == "posted"
    data = payments_data(ledger_pool, BOX)
    found = await gather(data, FAN)
    for size in (1, 2, 7):
        assert await gather(data, FAN, size) == found, size
    assert [record["balance_piastres"] for record in found["wallet"]] == [10_000 - 20 * 300]
    lines = found["wallet_line"]
    assert [line["number"] for line in lines] == list(range(1, 22))
    assert {(line["kind"], line["amount_piastres"], line["other_id"]) for line in lines[1:]} == {
        ("tip", -300, str(CREATOR))
    }
    assert sum(line["amount_piastres"] for line in lines) == found["wallet"][0]["balance_piastres"]
    received = (await gather(data, CREATOR))["wallet_line"]
    assert [line["amount_piastres"] for line in received] == [300 - 17] * 20
    assert {line["fee_piastres"] + line["vat_piastres"] for line in received} == {17}
    assert {line["rail"] for line in found["limit_usage"]} == {"tip"}
    assert await gather(data, 1) == {}


async def test_what_is_under_way_is_there(ledger_pool: PostgresPool) -> None:
    await give(ledger_pool, CREATOR, 50_000)
    await begin(ledger_pool)
    await ledger_pool.execute("SELECT place_hold($1, 100, 'payout', 77, NULL)", CREATOR)
    await ledger_pool.execute("INSERT INTO blocked_pairs VALUES ($1, $2), ($2, $1)", CREATOR, FAN)
    await ledger_pool.execute(
        "INSERT INTO top_ups (id, user_id, amount, key, body_hash, inquire_at, cairo_day)"
        " VALUES (5, $1, 700, 'k', '', $2, '2026-11-24')",
        CREATOR,
        datetime.now(UTC),
    )
    found = await gather(payments_data(ledger_pool, BOX), CREATOR, 2)
    assert [(record["kind"], record["data"]["amount"]) for record in found["process"]] == [("payout", 30_000)]
    assert found["process"][0]["asked_of_providers"] == []
    assert [record["amount_piastres"] for record in found["hold"]] == [100]
    assert [record["blocked_id"] for record in found["block"]] == [str(FAN)]
    assert [record["state"] for record in found["top_up"]] == ["pending", "succeeded"]
    assert [record["level"] for record in found["known_person"]] == [1]


async def test_every_table_is_exported_or_said_not_to_be(ledger_pool: PostgresPool) -> None:
    assert await unaccounted_tables(ledger_pool, module) == set()
