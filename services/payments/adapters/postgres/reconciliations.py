"""Reports, runs and differences in PostgreSQL, and what the ledger knows of a provider's day."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from services.chassis.postgres import PostgresConnection, PostgresPool, unavailable_as_app_error
from services.payments.application.reconcile import OpenBreaks, Run, StoredBreak
from services.payments.domain.cairo import day_begins
from services.payments.domain.providers import OperationKind, OperationState, Rail
from services.payments.domain.reconciliation import (
    BookedOperation,
    Break,
    BreakKind,
    DayFacts,
    DayOutcome,
    LineState,
    SettlementLine,
    clearing_change,
)

_TIMEOUT_S: Final = 300.0
_REFERENCE: Final = re.compile(r"daira-([1-9][0-9]{0,18})", re.ASCII)
_OPEN_DAYS_MAX: Final = 100

_LOCK_SQL: Final = "SELECT pg_advisory_xact_lock(hashtextextended('payments.reconciliation.' || $1, 0))"
_REPORT_SQL: Final = """
    INSERT INTO settlement_reports (rail, cairo_day, lines) VALUES ($1, $2, $3)
    ON CONFLICT (rail, cairo_day) DO UPDATE SET lines = $3, taken_at = clock_timestamp()
"""
_FORGET_SQL: Final = "DELETE FROM settlement_lines WHERE rail = $1 AND cairo_day = $2"
_LINE_COLUMNS: Final = "reference, provider_reference, kind, state, amount, fee, settled_at"
_LINES_SQL: Final = f"SELECT {_LINE_COLUMNS} FROM settlement_lines WHERE rail = $1 AND cairo_day = $2 ORDER BY number"
_ELSEWHERE_SQL: Final = f"""
    SELECT cairo_day, {_LINE_COLUMNS} FROM settlement_lines
    WHERE rail = $1 AND cairo_day <> $2 AND reference = ANY($3::text[]) ORDER BY cairo_day, number
"""
_OPERATIONS_SQL: Final = """
    SELECT id, kind, state, amount, provider_fee, settled_at FROM provider_operations
    WHERE (rail = $1 AND settled_at >= $2 AND settled_at < $3 AND state IN ('succeeded', 'returned'))
        OR id = ANY($4::bigint[])
"""
_RAILS_SQL: Final = "SELECT id, rail FROM provider_operations WHERE id = ANY($1::bigint[])"
# What an operation moved is booked under its reference: the amount, what came back later, and what was kept.
_BOOKED_SQL: Final = """
    SELECT t.body_hash, sum(e.amount) FILTER (WHERE t.kind <> 'payout_return' AND NOT t.key ^@ 'provider-fee:')::bigint,
        sum(e.amount) FILTER (WHERE t.key ^@ 'provider-fee:')::bigint
    FROM transfers t
    JOIN entries e ON e.id > t.id AND e.id < t.id + (17 << 12) AND e.transfer_id = t.id AND e.account_id = $2
    WHERE t.kind IN ('top_up', 'payout', 'payout_return', 'refund', 'adjustment') AND t.body_hash = ANY($1::bytea[])
    GROUP BY 1
"""
# Chargebacks, with what they cost, come by other ways than settlement reports.
_CLEARED_SQL: Final = """
    SELECT t.id, e.amount,
        EXISTS (SELECT FROM top_ups u WHERE u.transfer_id = t.id) OR t.kind NOT IN ('top_up', 'payout',
            'payout_return', 'refund', 'adjustment') OR t.key ^@ 'chargeback' OR coalesce((
                SELECT true FROM provider_operations o
                WHERE o.id = CASE WHEN encode(t.body_hash, 'escape') ~ '^daira-[1-9][0-9]{0,17}$'
                    THEN substring(encode(t.body_hash, 'escape'), 7)::bigint END
            ), false) AS is_asked
    FROM entries e JOIN transfers t ON t.id = e.transfer_id
    WHERE e.id >= ledger_id_bound($2, interval '-5 minutes') AND e.id < ledger_id_bound($3, interval '5 minutes')
        AND e.account_id = $1 AND t.posted_at >= $2 AND t.posted_at < $3
"""
_REPORTED_SQL: Final = "SELECT cairo_day FROM settlement_reports WHERE rail = $1 AND cairo_day >= $2"
_OPEN_DAYS_SQL: Final = """
    SELECT DISTINCT cairo_day FROM reconciliation_breaks WHERE rail = $1 AND closed_at IS NULL ORDER BY 1 LIMIT $2
"""
# What an operator closed stays closed while nothing about it changes.
_PUT_SQL: Final = """
    INSERT INTO reconciliation_breaks AS b (rail, cairo_day, kind, reference, here, there, words, explanation,
        closed_by, closed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $8 <> '' THEN 'report' END,
        CASE WHEN $8 <> '' THEN clock_timestamp() END)
    ON CONFLICT (rail, cairo_day, reference, kind) DO UPDATE SET here = excluded.here, there = excluded.there,
        words = excluded.words, explanation = excluded.explanation, closed_by = excluded.closed_by,
        closed_at = CASE WHEN b.closed_by = excluded.closed_by THEN b.closed_at ELSE excluded.closed_at END
    WHERE b.closed_by IS DISTINCT FROM 'operator' OR (b.here, b.there) <> (excluded.here, excluded.there)
"""
_CLOSE_OTHERS_SQL: Final = """
    UPDATE reconciliation_breaks SET closed_at = clock_timestamp(), closed_by = 'report', explanation = $4
    WHERE rail = $1 AND cairo_day = $2 AND closed_at IS NULL AND (reference || ' ' || kind) <> ALL($3::text[])
"""
_RUN_SQL: Final = """
    INSERT INTO reconciliation_runs (rail, cairo_day, lines, operations, matched, open_breaks, settled_there,
        cleared_here)
    SELECT $1, $2, $3, $4, $5, count(*), $6, $7 FROM reconciliation_breaks
    WHERE rail = $1 AND cairo_day = $2 AND closed_at IS NULL
    RETURNING open_breaks
"""
_BREAKS_SQL: Final = """
    SELECT id, rail, cairo_day, kind, reference, here, there, words, explanation, opened_at, closed_at, closed_by
    FROM reconciliation_breaks WHERE (closed_at IS NOT NULL) = $1
    ORDER BY cairo_day DESC, rail, reference, kind LIMIT $2
"""
_CLOSE_SQL: Final = """
    UPDATE reconciliation_breaks SET closed_at = clock_timestamp(), closed_by = 'operator', explanation = $2
    WHERE id = $1 AND closed_at IS NULL RETURNING true
"""
_OPEN_COUNTS_SQL: Final = """
    SELECT kind, count(*), extract(epoch FROM max(clock_timestamp() - opened_at))::float8
    FROM reconciliation_breaks WHERE closed_at IS NULL GROUP BY kind
"""


class PostgresReconciliations:
    """Reconciliation in payments' database."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def keep_report(self, rail: Rail, day: date, lines: Sequence[SettlementLine]) -> None:
        """Keep a day's report in place of the one before."""
        rows = [
            (
                rail.value, day, number, line.reference, line.provider_reference, line.kind.value, line.state.value,
                line.amount, line.fee, line.settled_at,
            )
            for number, line in enumerate(lines, start=1)
        ]  # fmt: skip
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK_SQL, rail.value)
            await connection.execute(_REPORT_SQL, rail.value, day, len(rows))
            await connection.execute(_FORGET_SQL, rail.value, day, timeout=_TIMEOUT_S)
            await connection.copy_records_to_table("settlement_lines", records=rows, timeout=_TIMEOUT_S)

    async def facts(self, rail: Rail, day: date) -> DayFacts:
        """What is known of a day, in one snapshot."""
        async with (
            unavailable_as_app_error(),
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            found = await connection.fetch(_LINES_SQL, rail.value, day, timeout=_TIMEOUT_S)
            lines = [_line(row) for row in found]
            operations = await _operations(connection, rail, day, lines)
            references = list({line.reference for line in lines} | operations.keys())
            elsewhere: dict[str, list[tuple[date, SettlementLine]]] = {}
            for row in await connection.fetch(_ELSEWHERE_SQL, rail.value, day, references, timeout=_TIMEOUT_S):
                elsewhere.setdefault(row["reference"], []).append((row["cairo_day"], _line(row)))
            reported = await connection.fetch(_REPORTED_SQL, rail.value, day - timedelta(days=1))
            unasked: dict[int, int] = {}
            for row in await _cleared(connection, rail, day):
                if not row["is_asked"]:
                    unasked[row["id"]] = unasked.get(row["id"], 0) + row["amount"]
        return DayFacts(day, lines, elsewhere, operations, frozenset(row[0] for row in reported), unasked)

    async def rails_of(self, references: Sequence[str]) -> Mapping[str, Rail]:
        """The rail of each reference that is an operation of ours."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_RAILS_SQL, _ids(references), timeout=_TIMEOUT_S)
        return {f"daira-{row[0]}": Rail(row[1]) for row in rows}

    async def settle(self, rail: Rail, facts: DayFacts, outcome: DayOutcome) -> Run:
        """Open what is new, close what is explained, and write the run down."""
        day = facts.day
        kept = [f"{one.reference} {one.kind.value}" for one in outcome.breaks]
        there = sum(clearing_change(line) for line in facts.lines)
        async with unavailable_as_app_error(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK_SQL, rail.value)
            here = sum(row["amount"] for row in await _cleared(connection, rail, day))
            await connection.executemany(
                _PUT_SQL,
                [
                    (rail.value, day, b.kind.value, b.reference, b.here, b.there, b.words, b.explanation)
                    for b in outcome.breaks
                ],
            )
            await connection.execute(_CLOSE_OTHERS_SQL, rail.value, day, kept, "it is so no longer")
            counts = (len(facts.lines), len(facts.operations), outcome.matched)
            open_breaks = await connection.fetchval(_RUN_SQL, rail.value, day, *counts, there, here)
        return Run(rail, day, *counts, open_breaks, there, here)

    async def open_days(self, rail: Rail) -> Sequence[date]:
        """Days with open differences, oldest first."""
        async with unavailable_as_app_error():
            return [row[0] for row in await self._pool.fetch(_OPEN_DAYS_SQL, rail.value, _OPEN_DAYS_MAX)]

    async def reported_days(self, rail: Rail, since: date) -> frozenset[date]:
        """Days with a report."""
        async with unavailable_as_app_error():
            return frozenset(row[0] for row in await self._pool.fetch(_REPORTED_SQL, rail.value, since))

    async def breaks(self, *, closed: bool, limit: int) -> Sequence[StoredBreak]:
        """Open differences, or those that were closed, newest day first."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_BREAKS_SQL, closed, limit)
        return [_break(row) for row in rows]

    async def close(self, break_id: int, note: str) -> bool:
        """Close an open difference by an operator's word."""
        async with unavailable_as_app_error():
            return bool(await self._pool.fetchval(_CLOSE_SQL, break_id, note))

    async def open_counts(self) -> Sequence[OpenBreaks]:
        """How many are open, by kind."""
        async with unavailable_as_app_error():
            rows = await self._pool.fetch(_OPEN_COUNTS_SQL)
        return [OpenBreaks(BreakKind(row[0]), row[1], max(0.0, row[2])) for row in rows]


async def _operations(
    connection: PostgresConnection, rail: Rail, day: date, lines: Sequence[SettlementLine]
) -> Mapping[str, BookedOperation]:
    known = _ids([line.reference for line in lines])
    begins, ends = day_begins(day), day_begins(day + timedelta(days=1))
    rows = await connection.fetch(_OPERATIONS_SQL, rail.value, begins, ends, known, timeout=_TIMEOUT_S)
    references = [f"daira-{row['id']}".encode() for row in rows]
    booked = {
        bytes(row[0]).decode(): (row[1], row[2])
        for row in await connection.fetch(_BOOKED_SQL, references, int(rail.clearing), timeout=_TIMEOUT_S)
    }
    operations = {}
    for row in rows:
        reference, kind = f"daira-{row['id']}", OperationKind(row["kind"])
        moved, kept = booked.get(reference, (None, None))
        # A charge is owed to us by the provider, so that the account goes down.
        sign = -1 if kind is OperationKind.CHARGE else 1
        operations[reference] = BookedOperation(
            reference, kind, OperationState(row["state"]), row["amount"], row["provider_fee"], row["settled_at"],
            None if moved is None else sign * moved, kept,
        )  # fmt: skip
    return operations


def _ids(references: Sequence[str]) -> list[int]:
    """The operations that references name, as far as they have the form of ours."""
    named = [int(match[1]) for reference in references if (match := _REFERENCE.fullmatch(reference))]
    return [number for number in named if number < 1 << 63]


async def _cleared(connection: PostgresConnection, rail: Rail, day: date) -> list[Any]:
    bounds = day_begins(day), day_begins(day + timedelta(days=1))
    return list(await connection.fetch(_CLEARED_SQL, int(rail.clearing), *bounds, timeout=_TIMEOUT_S))


def _line(row: Any) -> SettlementLine:
    return SettlementLine(
        row["reference"], row["provider_reference"], OperationKind(row["kind"]), LineState(row["state"]),
        row["amount"], row["fee"], row["settled_at"],
    )  # fmt: skip


def _break(row: Any) -> StoredBreak:
    found = Break(BreakKind(row["kind"]), row["reference"], row["here"], row["there"], row["words"], row["explanation"])
    return StoredBreak(
        row["id"], Rail(row["rail"]), row["cairo_day"], found, row["opened_at"], row["closed_at"],
        row["closed_by"] or "",
    )  # fmt: skip
