"""Reconciliation in the database: reports against operations and the clearing account, again and again, by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from services.chassis.errors import AppError
from services.chassis.postgres import PostgresPool, create_pool
from services.payments.adapters.postgres.ledger_upkeep import check_ledger
from services.payments.adapters.postgres.reconciliations import PostgresReconciliations
from services.payments.adapters.settlement_files import COLUMNS, FileSettlementReports, read_report
from services.payments.application.reconcile import Reconcile, ReconcileNightly, StoredBreak
from services.payments.domain.cairo import cairo_day, day_begins
from services.payments.domain.providers import Rail
from services.payments.reconcile import break_lines, main, run_lines
from tests.fakes.clock import FixedClock
from tests.integration.payments.sealed_ledger import deposit

CREATOR = 6_000_001
OPERATION_SQL = """
    INSERT INTO provider_operations (id, saga_id, purpose, kind, rail, amount, state, provider_fee, made_at, settled_at)
    VALUES ($1::bigint, $2, 'p' || $1::bigint, 'payout', 'mobile', $3, $4, $5, $6, $6)
"""
POST_SQL = """
    SELECT transfer FROM post_transfer($1, $2, $2, $3, 0, 0, 0, $4, $5::text::bytea, $6::bigint[], $7::bigint[], 0, 0,
        'transfer_posted', '')
"""


class Books:
    """Payouts of one person by mobile wallets, told by the ledger and by a provider's reports."""

    def __init__(self, pool: PostgresPool, url: str, folder: Path) -> None:
        self.pool = pool
        self.url = url
        self.folder = folder
        self.reports = FileSettlementReports(folder)
        self.store = PostgresReconciliations(pool)
        self.day = cairo_day(datetime.now(UTC))

    async def payout(self, number: int, amount: int, *, at: datetime, state: str = "succeeded", fee: int = 0) -> None:
        """A payout that settled at a moment, booked as its saga does when it succeeded."""
        saga = await self.pool.fetchval("SELECT id FROM sagas LIMIT 1")
        settled_at = at if state in {"succeeded", "declined"} else None
        await self.pool.execute(OPERATION_SQL, number, saga, amount, state, fee, settled_at or at)
        if settled_at is None:
            await self.pool.execute("UPDATE provider_operations SET settled_at = NULL WHERE id = $1", number)
        if state == "succeeded":
            await self._post("payout", CREATOR, amount, f"payout:{number}", number, [CREATOR, -5], [-amount, amount])
            if fee:
                await self._post("adjustment", 0, fee, f"provider-fee:{number}", number, [-7, -5], [-fee, fee])

    async def _post(
        self, kind: str, actor: int, amount: int, key: str, number: int, accounts: list[int], amounts: list[int]
    ) -> None:
        await self.pool.fetchval(POST_SQL, kind, actor, amount, key, f"daira-{number}", accounts, amounts)

    def report(self, day: date, *lines: tuple[str, int, int, datetime]) -> None:
        """A provider's report: reference, amount, fee, moment."""
        rows = [",".join(COLUMNS)]
        rows += [f"{ref},P-{ref},payout,settled,{amount},{fee},{at.isoformat()}" for ref, amount, fee, at in lines]
        (self.folder / f"mobile-{day}.csv").write_text("\n".join(rows))

    async def reconcile(self, day: date) -> list[tuple[str, str, bool]]:
        """Reconcile a day; its differences: kind, reference, whether open."""
        await Reconcile(self.store).day(Rail.MOBILE, day, self.reports)
        return await self.breaks(day)

    async def breaks(self, day: date) -> list[tuple[str, str, bool]]:
        found = [one for one in await self.stored() if one.day == day]
        return sorted((one.found.kind.value, one.found.reference, not one.closed_by) for one in found)

    async def stored(self) -> list[StoredBreak]:
        return [*await self.store.breaks(closed=False, limit=100), *await self.store.breaks(closed=True, limit=100)]


@pytest.fixture
async def books(migrated_database: Callable[[str], str], tmp_path: Path) -> AsyncIterator[Books]:
    """Books with a saga that payouts belong to, and money that came in through another rail."""
    url = migrated_database("payments")
    pool = await create_pool(url, application_name="test", min_size=1, max_size=3)
    await pool.execute(
        "SELECT * FROM start_saga('payout', $1, 'k', 'x', NULL, 'requested', '{}', clock_timestamp(), '')", CREATOR
    )
    await deposit(pool, CREATOR, 1_000_000, clearing=-6)
    yield Books(pool, url, tmp_path)
    async with pool.acquire() as connection:
        problems = await check_ledger(connection)
    await pool.close()
    assert problems == []


async def test_a_day_is_reconciled_twice_with_the_same_outcome(books: Books) -> None:
    day, noon = books.day, day_begins(books.day) + timedelta(hours=12)
    await books.payout(1, 10_000, at=noon, fee=300)
    await books.payout(2, 20_000, at=noon)
    await books.payout(3, 30_000, at=noon)
    await books.payout(4, 40_000, at=noon, state="unknown")
    await books.payout(5, 50_000, at=noon, fee=100)
    books.report(
        day, ("daira-1", 10_000, 300, noon), ("daira-2", 20_001, 0, noon), ("daira-4", 40_000, 0, noon),
        ("daira-5", 50_000, 150, noon), ("daira-9", 90_000, 0, noon), ("daira-9", 90_000, 0, noon),
    )  # fmt: skip
    expected = [
        ("amount_differs", "daira-2", True),
        ("duplicate", "daira-9", True),
        ("fee_differs", "daira-5", True),
        ("missing_here", "daira-9", True),
        ("missing_there", "daira-3", True),
        ("state_differs", "daira-4", True),
    ]
    assert await books.reconcile(day) == expected
    before = await books.stored()
    assert await books.reconcile(day) == expected
    assert await books.stored() == before
    counts = {one.kind.value: one.count for one in await books.store.open_counts()}
    assert counts == dict.fromkeys([kind for kind, _, _ in expected], 1)
    run = await books.pool.fetchrow("SELECT * FROM reconciliation_runs ORDER BY id DESC LIMIT 1")
    assert run is not None
    assert (run["lines"], run["operations"], run["matched"], run["open_breaks"]) == (6, 5, 1, 6)
    assert run["cleared_here"] == 10_300 + 20_000 + 30_000 + 50_100
    assert run["settled_there"] == 10_300 + 20_001 + 40_000 + 50_150 + 180_000


async def test_a_break_closes_itself_when_it_is_explained_and_opens_when_it_is_back(books: Books) -> None:
    day, noon = books.day, day_begins(books.day) + timedelta(hours=12)
    await books.payout(1, 10_000, at=noon)
    books.report(day)
    assert await books.reconcile(day) == [("missing_there", "daira-1", True)]
    # The provider corrects its report.
    books.report(day, ("daira-1", 10_000, 0, noon))
    assert await books.reconcile(day) == [("missing_there", "daira-1", False)]
    books.report(day)
    assert await books.reconcile(day) == [("missing_there", "daira-1", True)]
    # The next day's report brings it, and is read for this day as well.
    books.report(day + timedelta(days=1), ("daira-1", 10_000, 0, noon))
    assert await books.reconcile(day + timedelta(days=1)) == []
    (one,) = await books.stored()
    assert (one.closed_by, one.found.explanation) == ("report", f"in the report of {day + timedelta(days=1)}")


async def test_around_midnight_the_other_day_is_waited_for(books: Books) -> None:
    yesterday = books.day - timedelta(days=1)
    late = day_begins(books.day) - timedelta(minutes=3)
    await books.payout(1, 10_000, at=late)
    await books.payout(2, 20_000, at=late)
    books.report(yesterday)
    assert await books.reconcile(yesterday) == [("timing", "daira-1", True), ("timing", "daira-2", True)]
    books.report(books.day, ("daira-1", 10_000, 0, late + timedelta(minutes=6)))
    await books.reconcile(books.day)
    # What this day's report has not either is missing.
    assert await books.breaks(yesterday) == [
        ("missing_there", "daira-2", True), ("timing", "daira-1", False), ("timing", "daira-2", False),
    ]  # fmt: skip


async def test_an_operation_that_settles_later_explains_the_line(books: Books) -> None:
    day, noon = books.day, day_begins(books.day) + timedelta(hours=12)
    await books.payout(1, 10_000, at=noon, state="unknown")
    books.report(day, ("daira-1", 10_000, 0, noon))
    assert await books.reconcile(day) == [("state_differs", "daira-1", True)]
    await books.pool.execute("DELETE FROM provider_operations")
    await books.payout(1, 10_000, at=noon)
    assert await books.reconcile(day) == [("state_differs", "daira-1", False)]


async def test_an_operators_word_holds_until_the_amounts_change(books: Books) -> None:
    day, noon = books.day, day_begins(books.day) + timedelta(hours=12)
    await books.payout(1, 10_000, at=noon)
    books.report(day, ("daira-1", 10_002, 0, noon))
    await books.reconcile(day)
    (one,) = await books.stored()
    use_case = Reconcile(books.store)
    for note in ("", "  ", "x" * 501):
        with pytest.raises(AppError, match="500 characters"):
            await use_case.close(one.break_id, note)
    assert await use_case.close(one.break_id, "سألنا المزوّد: خطأ تقريب، يُصحَّح في فاتورته")
    assert not await use_case.close(one.break_id, "again")
    assert await books.reconcile(day) == [("amount_differs", "daira-1", False)]
    books.report(day, ("daira-1", 10_003, 0, noon))
    assert await books.reconcile(day) == [("amount_differs", "daira-1", True)]


async def test_money_in_the_clearing_account_that_nobody_asked_for_is_told(books: Books) -> None:
    transfer = await deposit(books.pool, CREATOR, 7_000, clearing=-5)
    books.report(books.day)
    assert await books.reconcile(books.day) == [("missing_there", f"transfer-{transfer}", True)]


async def test_nights_wait_for_reports_and_read_each_once(books: Books) -> None:
    yesterday = books.day - timedelta(days=1)
    clock = FixedClock(int((day_begins(books.day) + timedelta(hours=2, minutes=59)).timestamp() * 1000))
    nightly = ReconcileNightly(books.store, books.reports, [Rail.MOBILE, Rail.CARD], clock, time(3))
    books.report(yesterday)
    await nightly()
    assert await books.store.reported_days(Rail.MOBILE, yesterday) == frozenset()
    clock.advance(120)
    # That of the card provider is late.
    await nightly()
    await nightly()
    assert await books.store.reported_days(Rail.MOBILE, yesterday) == {yesterday}
    assert await books.pool.fetchval("SELECT count(*) FROM reconciliation_runs") == 1


async def test_commands_tell_and_judge(
    books: Books, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    noon = day_begins(books.day) + timedelta(hours=12)
    await books.payout(1, 10_000, at=noon)
    books.report(books.day)
    monkeypatch.setenv("PAYMENTS_DATABASE_URL", books.url)
    monkeypatch.setenv("PAYMENTS_SETTLEMENT_REPORTS", str(books.folder))
    assert await asyncio.to_thread(main, ["day", "--day", str(books.day)]) == 1
    assert "1 open differences" in capsys.readouterr().out
    assert await asyncio.to_thread(main, ["breaks"]) == 1
    (one,) = await books.stored()
    assert f"{one.break_id}  {books.day} mobile" in capsys.readouterr().out
    assert await asyncio.to_thread(main, ["close", str(one.break_id), "--note", "known"]) == 0
    assert await asyncio.to_thread(main, ["close", str(one.break_id), "--note", "known"]) == 1
    assert await asyncio.to_thread(main, ["breaks"]) == 0
    assert await asyncio.to_thread(main, ["day", "--day", "2025-01-01"]) == 1
    assert "there is no sandbox-2025-01-01.csv yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    "row",
    [
        "daira-1,P,payout,settled,10.5,0,2026-11-23T12:00", "daira-1,P,payout,settled,-1,0,2026-11-23T12:00",
        "daira-1,P,theft,settled,1,0,2026-11-23T12:00", "daira-1,P,payout,lost,1,0,2026-11-23T12:00",
        "daira-1,P,payout,settled,1,0,noon", ",P,payout,settled,1,0,2026-11-23T12:00", "daira-1,P,payout",
        f"{'x' * 101},P,payout,settled,1,0,2026-11-23T12:00",
    ],
)  # fmt: skip
def test_a_file_that_is_no_report_is_refused_with_its_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "report.csv"
    path.write_text(f"{','.join(COLUMNS)}\ndaira-7,P-7,payout,settled,5,0,2026-11-23T12:00\n{row}")
    with pytest.raises(AppError, match="line 3"):
        read_report(path)
    path.write_text("a,b\n1,2")
    with pytest.raises(AppError, match="needs the columns"):
        read_report(path)


def test_no_differences_are_told_as_such() -> None:
    assert break_lines([]) == ["no differences"]
    assert run_lines([]) == []
