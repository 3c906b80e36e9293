"""Months of the audit log that are kept no longer: they go whole, and what stays still proves itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.auth.adapters.postgres import audit_retirement
from services.auth.application.verify_audit import Wrong
from tests.integration.auth.audit import intruder, seal_all, sealer, verify
from tests.integration.auth.server import GOOD, Running

KEPT = timedelta(days=60)
# Two months long gone, each with rows of its own, and this one.
MONTHS = (datetime(2025, 1, 10, tzinfo=UTC), datetime(2025, 2, 10, tzinfo=UTC))


async def aged(auth: Running, auth_database: str, *, signed: bool = True) -> str | None:
    """Two rows in each old month and two of today, sealed; the last checkpoint's statement when signed."""
    await auth.pool.execute("SELECT audit_make_partitions($1, 1)", MONTHS[0])
    for number, month in enumerate((*MONTHS, None)):
        before = await auth.pool.fetchval("SELECT coalesce(max(seq), 0) FROM audit_log")
        await auth.register(f"0100123450{number}", GOOD, key=f"key-{number}")
        if month is not None:
            async with intruder(auth_database) as connection:
                await connection.execute("UPDATE audit_log SET recorded_at = $1 WHERE seq > $2", month, before)
    await seal_all(auth.pool)
    return await sealer(auth.pool).add_checkpoint() if signed else None


async def months(auth: Running) -> list[int]:
    rows = await auth.pool.fetch("SELECT DISTINCT extract(month FROM recorded_at)::int FROM audit_log ORDER BY 1")
    return [row[0] for row in rows]


async def test_old_months_go_and_the_rest_still_verifies(auth: Running, auth_database: str) -> None:
    statement = await aged(auth, auth_database)
    assert statement is not None
    assert (await verify(auth.pool, statement)).rows == 6
    today = datetime.now(UTC)
    await sealer(auth.pool, KEPT).keep_partitions(today)
    assert await auth.pool.fetchval("SELECT count(*) FROM audit_log WHERE recorded_at < '2025-03-01'") == 0
    verdict = await verify(auth.pool, statement)
    assert (verdict.findings, verdict.first_pos, verdict.last_pos) == ([], 5, 6)
    # Once more is nothing more, and the log goes on.
    await sealer(auth.pool, KEPT).keep_partitions(today)
    await auth.register("01001234509", GOOD, key="key-9")
    await seal_all(auth.pool)
    verdict = await verify(auth.pool, statement)
    assert (verdict.findings, verdict.last_pos) == ([], 8)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_log SET actor_id = 7 WHERE seq = (SELECT min(seq) FROM audit_log)",
        "UPDATE audit_retired SET chain_hash = sha256('')",
        "UPDATE audit_retired SET start_pos = start_pos + 1",
        "UPDATE audit_retired SET statement = (SELECT statement FROM audit_checkpoints LIMIT 1)",
        "DELETE FROM audit_retired",
        "DELETE FROM audit_seals WHERE pos = 5",
    ],
)
async def test_whoever_moves_the_beginning_is_found(auth: Running, auth_database: str, change: str) -> None:
    await aged(auth, auth_database)
    await sealer(auth.pool, KEPT).keep_partitions(datetime.now(UTC))
    assert (await verify(auth.pool)).is_intact
    async with intruder(auth_database) as connection:
        await connection.execute(change)
    assert not (await verify(auth.pool)).is_intact


async def test_what_nobody_signed_stays(auth: Running, auth_database: str) -> None:
    await aged(auth, auth_database, signed=False)
    await sealer(auth.pool, KEPT).keep_partitions(datetime.now(UTC))
    assert await months(auth) == sorted({1, 2, datetime.now(UTC).month})
    assert (await verify(auth.pool)).is_intact


async def test_what_is_not_sealed_stays(auth: Running, auth_database: str) -> None:
    await aged(auth, auth_database)
    await auth.register("01001234508", GOOD, key="late")
    async with intruder(auth_database) as connection:
        newest = "seq > (SELECT max(log_seq) FROM audit_seals)"
        await connection.execute(f"UPDATE audit_log SET recorded_at = $1 WHERE {newest}", MONTHS[0])
    await sealer(auth.pool, KEPT).keep_partitions(datetime.now(UTC))
    assert 1 in await months(auth)
    await seal_all(auth.pool)
    await sealer(auth.pool).add_checkpoint()
    await sealer(auth.pool, KEPT).keep_partitions(datetime.now(UTC))
    assert await auth.pool.fetchval("SELECT count(*) FROM audit_log WHERE recorded_at < '2025-03-01'") == 0
    assert (await verify(auth.pool)).is_intact


@pytest.mark.parametrize("after", [0, 1, 2])
async def test_cut_off_in_the_middle_nothing_is_half_gone(
    auth: Running, auth_database: str, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    statement = await aged(auth, auth_database)
    assert statement is not None
    tables = audit_retirement._TABLES
    monkeypatch.setattr(audit_retirement, "_TABLES", (*tables[:after], "a table; SELECT 1 / 0; --"))
    with pytest.raises(Exception, match="syntax error"):
        await sealer(auth.pool, KEPT).keep_partitions(datetime.now(UTC))
    verdict = await verify(auth.pool, statement)
    assert (verdict.findings, verdict.rows, verdict.first_pos) == ([], 6, 1)
    monkeypatch.undo()
    await sealer(auth.pool, KEPT).keep_partitions(datetime.now(UTC))
    verdict = await verify(auth.pool, statement)
    assert (verdict.findings, verdict.first_pos) == ([], 5)


async def test_the_kinds_of_findings_name_the_missing_beginning(auth: Running, auth_database: str) -> None:
    await aged(auth, auth_database)
    async with intruder(auth_database) as connection:
        await connection.execute("DELETE FROM audit_log WHERE recorded_at < '2025-02-01'")
        await connection.execute("DELETE FROM audit_seals WHERE recorded_at < '2025-02-01'")
    verdict = await verify(auth.pool)
    assert {finding.wrong for finding in verdict.findings} & {Wrong.REMOVED, Wrong.SEAL_REMOVED, Wrong.CHAIN_BROKEN}
