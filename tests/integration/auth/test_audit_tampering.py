"""Whatever somebody with all rights does to the audit log, verifying finds it and names the row."""

from __future__ import annotations

import pytest

from services.auth.application.verify_audit import Wrong
from tests.integration.auth.audit import intruder, seal_all, sealer, verify
from tests.integration.auth.server import GOOD, Running

PEOPLE = 10


async def _filled(auth: Running) -> list[str]:
    """Twenty sealed rows, with a checkpoint in their middle and one at their end; both statements."""
    statements = []
    for half in range(2):
        for number in range(PEOPLE // 2):
            await auth.register(f"0100123450{half * 5 + number}", GOOD)
        await seal_all(auth.pool)
        statement = await sealer(auth.pool).add_checkpoint()
        assert statement is not None
        statements.append(statement)
    return statements


async def test_an_untouched_log_is_intact(auth: Running) -> None:
    statements = await _filled(auth)
    verdict = await verify(auth.pool, *statements)
    assert (verdict.findings, verdict.rows, verdict.first_pos, verdict.last_pos) == ([], 20, 1, 20)
    assert (verdict.checkpoints, verdict.unsealed) == (4, 0)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("UPDATE audit_log SET actor_id = 7 WHERE seq = {seq}", Wrong.CHANGED),
        ("UPDATE audit_log SET kind = 'session_ended' WHERE seq = {seq}", Wrong.CHANGED),
        ("UPDATE audit_log SET payload = payload || '\\x00' WHERE seq = {seq}", Wrong.CHANGED),
        ("UPDATE audit_log SET detail = '\\x01' WHERE seq = {seq}", Wrong.CHANGED),
        ("UPDATE audit_log SET repeats = 2 WHERE seq = {seq}", Wrong.CHANGED),
        ("UPDATE audit_log SET occurred_at = occurred_at + interval '1 microsecond' WHERE seq = {seq}", Wrong.CHANGED),
        ("UPDATE audit_log SET recorded_at = recorded_at - interval '3 years' WHERE seq = {seq}", Wrong.CHANGED),
        ("UPDATE audit_log SET xid = '3' WHERE seq = {seq}", Wrong.CHANGED),
        ("UPDATE audit_seals SET detail = '\\x01' WHERE log_seq = {seq}", Wrong.CHANGED),
        ("DELETE FROM audit_log WHERE seq = {seq}", Wrong.REMOVED),
        ("DELETE FROM audit_seals WHERE log_seq = {seq}", Wrong.INSERTED),
        ("UPDATE audit_seals SET row_hash = sha256('') WHERE log_seq = {seq}", Wrong.CHANGED),
        ("UPDATE audit_seals SET chain_hash = sha256('') WHERE log_seq = {seq}", Wrong.CHAIN_BROKEN),
    ],
)
async def test_one_row_is_named(auth: Running, auth_database: str, change: str, wrong: Wrong) -> None:
    await _filled(auth)
    seq = await auth.pool.fetchval("SELECT log_seq FROM audit_seals WHERE pos = 13")
    async with intruder(auth_database) as connection:
        await connection.execute(change.format(seq=seq))
    verdict = await verify(auth.pool)
    first = verdict.findings[0]
    assert (first.wrong, first.seq) == (wrong, seq), verdict.findings


async def test_a_row_and_its_seal_removed_together_leave_a_gap(auth: Running, auth_database: str) -> None:
    await _filled(auth)
    seq = await auth.pool.fetchval("SELECT log_seq FROM audit_seals WHERE pos = 13")
    async with intruder(auth_database) as connection:
        await connection.execute("DELETE FROM audit_log WHERE seq = $1", seq)
        await connection.execute("DELETE FROM audit_seals WHERE pos = 13")
    first = (await verify(auth.pool)).findings[0]
    assert (first.wrong, first.pos) == (Wrong.SEAL_REMOVED, 13)


async def test_an_inserted_row_is_named(auth: Running, auth_database: str) -> None:
    await _filled(auth)
    xid = await auth.pool.fetchval("SELECT log_xid::text FROM audit_seals WHERE pos = 13")
    async with intruder(auth_database) as connection:
        seq = await connection.fetchval(
            "INSERT INTO audit_log (xid, kind, subject_id, actor_id) VALUES ($1::text::xid8, 'session_ended', 5, 5)"
            " RETURNING seq",
            xid,
        )
    verdict = await verify(auth.pool)
    assert [(finding.wrong, finding.seq) for finding in verdict.findings] == [(Wrong.INSERTED, seq)]


async def test_reordered_rows_are_named(auth: Running, auth_database: str) -> None:
    await _filled(auth)
    async with intruder(auth_database) as connection:
        await connection.execute(
            "UPDATE audit_seals s SET log_xid = o.log_xid, log_seq = o.log_seq, row_hash = o.row_hash,"
            " detail = o.detail FROM audit_seals o WHERE s.pos IN (11, 12) AND o.pos = 23 - s.pos"
        )
    first = (await verify(auth.pool)).findings[0]
    assert (first.wrong, first.pos) == (Wrong.CHAIN_BROKEN, 11)


async def test_a_tail_cut_off_contradicts_the_checkpoint_beyond_it(auth: Running, auth_database: str) -> None:
    await _filled(auth)
    async with intruder(auth_database) as connection:
        await _cut(connection, 15)
    first = (await verify(auth.pool)).findings[0]
    assert (first.wrong, first.pos) == (Wrong.TRUNCATED, 16)


async def test_a_tail_cut_off_with_its_checkpoint_contradicts_the_one_that_left(
    auth: Running, auth_database: str
) -> None:
    inner, last = await _filled(auth)
    async with intruder(auth_database) as connection:
        await _cut(connection, 10)
        await connection.execute("DELETE FROM audit_checkpoints WHERE pos > 10")
    assert (await verify(auth.pool, inner)).is_intact
    first = (await verify(auth.pool, last)).findings[0]
    assert (first.wrong, first.pos) == (Wrong.TRUNCATED, 11)


async def test_a_database_rewritten_as_a_whole_contradicts_the_checkpoint_that_left(
    auth: Running, auth_database: str
) -> None:
    _, last = await _filled(auth)
    async with intruder(auth_database) as connection:
        await _cut(connection, 0)
        await connection.execute("DELETE FROM audit_checkpoints")
        await connection.execute("UPDATE audit_log SET actor_id = 7 WHERE seq = 3")
    # The sealer, with all its keys, seals and signs the forged log.
    await seal_all(auth.pool)
    await sealer(auth.pool).add_checkpoint()
    assert (await verify(auth.pool)).is_intact
    first = (await verify(auth.pool, last)).findings[0]
    assert (first.wrong, first.pos) == (Wrong.CONTRADICTED, 20)


async def test_forged_checkpoints_are_told(auth: Running, auth_database: str) -> None:
    await _filled(auth)
    head, payload, signature = (await sealer(auth.pool).last_checkpoint() or "").split(".")
    flipped = ("A" if signature[10] != "A" else "B").join((signature[:10], signature[11:]))
    async with intruder(auth_database) as connection:
        await connection.execute(
            "UPDATE audit_checkpoints SET statement = $1 WHERE pos = 20", f"{head}.{payload}.{flipped}"
        )
    assert [(f.wrong, f.pos) for f in (await verify(auth.pool)).findings] == [(Wrong.SIGNATURE_FALSE, 20)]
    assert (await verify(auth.pool, "no checkpoint")).findings[0].wrong is Wrong.SIGNATURE_FALSE


async def test_nobody_changes_the_log_by_statement(auth: Running) -> None:
    await _filled(auth)
    tables = [
        row[0]
        for row in await auth.pool.fetch(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relname ~ '^audit_(log|seals|checkpoints|keys)'"
        )
    ]
    assert len(tables) > 30
    for table in tables:
        column = "kid" if table == "audit_keys" else "recorded_at"
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            if not statement.startswith("TRUNCATE") and not await auth.pool.fetchval(
                f"SELECT EXISTS (SELECT FROM {table})"
            ):
                continue
            with pytest.raises(Exception, match="append-only") as caught:
                await auth.pool.execute(statement)
            assert getattr(caught.value, "sqlstate", "") == "DA006"
    assert (await verify(auth.pool)).is_intact


async def _cut(connection: object, keep: int) -> None:
    """Remove what was sealed behind a position, and all trace of it in the sealer's state."""
    run = connection.execute  # type: ignore[attr-defined]
    if keep:
        await run("DELETE FROM audit_log WHERE seq IN (SELECT log_seq FROM audit_seals WHERE pos > $1)", keep)
    await run("DELETE FROM audit_seals WHERE pos > $1", keep)
    await run(
        "UPDATE audit_seal_state SET last_pos = $1,"
        " last_xid = coalesce((SELECT log_xid FROM audit_seals WHERE pos = $1), '0'),"
        " last_seq = coalesce((SELECT log_seq FROM audit_seals WHERE pos = $1), 0),"
        " last_hash = coalesce((SELECT chain_hash FROM audit_seals WHERE pos = $1), decode(repeat('00', 32), 'hex'))",
        keep,
    )
