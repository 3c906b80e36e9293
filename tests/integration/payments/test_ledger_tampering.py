"""Whatever somebody with all rights does to the ledger, verifying finds it and names the row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Final

import asyncpg
import pytest

from services.chassis.postgres import PostgresConnection, PostgresPool, create_pool
from services.payments.application.verify_ledger import Wrong
from services.payments.domain.ledger_chain import EntryRow, TransferRow
from tests.integration.payments.sealed_ledger import (
    AHMED,
    MONA,
    SALMA,
    deposit,
    intruder,
    seal_all,
    sealer,
    tips,
    verify,
    verify_as_seen_by,
)
from tests.stores import PostgresForTests

# The first tip of the third seal, and an entry of it.
TRANSFER: Final = "(SELECT transfer_ids[1] FROM ledger_seals WHERE pos = 3)"
ENTRY: Final = f"({TRANSFER} | (2 << 12))"

CHANGES: Final = {
    "transfers": (
        "kind = 'adjustment'", "actor_id = 5", "recipient_id = 5", "amount = amount + 1", "fee = fee - 1",
        "vat = vat + 1", "post_id = 7", "key = 'other'", "body_hash = ''", "balance_after = balance_after + 1",
        "posted_at = posted_at - interval '1 microsecond'", "reverses = 5", "xid = '3'", "xid = '99999999'",
    ),
    "entries": (
        "transfer_id = 5", "account_id = 5", "amount = amount + 1", "balance_after = balance_after + 1",
        "version = version + 1000", "xid = '3'",
    ),
}  # fmt: skip
# A further leg of a sealed transfer, one whose id is of none, and one of a transfer that is not there.
INSERTED_ENTRIES: Final = (
    f"({TRANSFER} | (5 << 12), {TRANSFER}, -8, -500, NULL, NULL, '3')",
    f"(daira_id(0), {TRANSFER}, -8, -500, NULL, NULL, pg_current_xact_id())",
    f"({TRANSFER} - (1 << 22) | (1 << 12), {TRANSFER} - (1 << 22), {MONA}, 500, 500, 77, '3')",
)
INSERTED_TRANSFER: Final = f"""
    INSERT INTO transfers (id, kind, actor_id, recipient_id, amount, key, body_hash, balance_after, xid)
    VALUES ({TRANSFER} - (1 << 22), 'adjustment', 5, 5, 500, 'k', '', 0, $1::text::xid8) RETURNING id
"""
SEAL_CHANGES: Final = (
    ("UPDATE ledger_seals SET rows_hash = sha256('') WHERE pos = 3", Wrong.SEAL_CHANGED, 3),
    ("UPDATE ledger_seals SET chain_hash = sha256('') WHERE pos = 3", Wrong.CHAIN_BROKEN, 3),
    ("UPDATE ledger_seals SET sealed_at = sealed_at - interval '1 s' WHERE pos = 3", Wrong.SEAL_CHANGED, 3),
    ("UPDATE ledger_seals SET legs[1] = legs[1] - 16 WHERE pos = 3", Wrong.INSERTED, 3),
    ("UPDATE ledger_seals SET fingerprints = substring(fingerprints, 17) WHERE pos = 3", Wrong.CHANGED, 3),
    ("UPDATE ledger_seals SET fingerprints = fingerprints || '\\x00' WHERE pos = 3", Wrong.SEAL_CHANGED, 3),
    ("DELETE FROM ledger_seals WHERE pos = 3", Wrong.SEAL_REMOVED, 3),
    ("DELETE FROM ledger_seals WHERE pos = 5", Wrong.TRUNCATED, 5),
    ("UPDATE ledger_seal_state SET last_pos = 4", Wrong.CHAIN_BROKEN, 5),
)


@pytest.fixture(scope="module")
def sealed_url(postgres_server: PostgresForTests) -> Iterator[str]:
    """A ledger of five seals, with a checkpoint after the third and after the last; each test undoes what it does."""
    name, url = postgres_server.create("payments", postgres_server.migrated_template("payments"))
    asyncio.run(_fill(url))
    yield url
    postgres_server.admin.drop_database(name)


async def _fill(url: str) -> None:
    pool = await create_pool(url, application_name="test", min_size=1, max_size=3)
    await deposit(pool, AHMED, 1_000_000)
    await deposit(pool, SALMA, 1_000_000)
    for number in range(5):
        await tips(pool, [(AHMED, MONA), (SALMA, AHMED)], 10_000 + number)
        await seal_all(pool)
        if number in {2, 4}:
            assert await sealer(pool).add_checkpoint() is not None
    await pool.close()


@pytest.fixture
async def ledger(sealed_url: str) -> AsyncIterator[PostgresPool]:
    """Connections to it."""
    pool = await create_pool(sealed_url, application_name="test", min_size=1, max_size=3)
    yield pool
    await pool.close()


async def _statements(pool: PostgresPool) -> list[str]:
    return [row[0] for row in await pool.fetch("SELECT statement FROM ledger_checkpoints ORDER BY pos")]


async def test_an_untouched_ledger_is_intact(ledger: PostgresPool) -> None:
    verdict = await verify(ledger, *await _statements(ledger))
    assert (verdict.findings, verdict.last_pos, verdict.rows) == ([], 5, 2 * 3 + 10 * 5)
    assert (verdict.checkpoints, verdict.unsealed) == (4, 0)


@pytest.mark.parametrize(("table", "row"), [("transfers", TRANSFER), ("entries", ENTRY)])
async def test_each_changed_row_is_named(ledger: PostgresPool, table: str, row: str) -> None:
    for change in CHANGES[table]:
        async with intruder(ledger) as connection:
            row_id = await connection.fetchval(f"SELECT {row}")
            await connection.execute("ALTER TABLE transfers DROP CONSTRAINT what_takes_back_says_what")
            await connection.execute(f"UPDATE {table} SET {change} WHERE id = {row}")
            found = (await verify_as_seen_by(connection)).findings
        assert [(f.wrong, f.row_id, f.pos) for f in found] == [(Wrong.CHANGED, row_id, 3)], change
    assert (await verify(ledger)).is_intact


async def test_every_column_is_sealed_and_tried(ledger: PostgresPool) -> None:
    """A column that is added and not sealed could be changed unseen: it needs a new form."""
    for table, row in (("transfers", TransferRow), ("entries", EntryRow)):
        columns = await ledger.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped", table
        )
        assert {column[0] for column in columns} == set(row.__dataclass_fields__)
        assert {change.split(" = ")[0] for change in CHANGES[table]} | {"id"} == set(row.__dataclass_fields__)


async def test_a_removed_row_is_named(ledger: PostgresPool) -> None:
    for table, row in (("transfers", TRANSFER), ("entries", ENTRY)):
        async with intruder(ledger) as connection:
            row_id = await connection.fetchval(f"DELETE FROM {table} WHERE id = {row} RETURNING id")
            found = (await verify_as_seen_by(connection)).findings
        assert [(f.wrong, f.row_id) for f in found] == [(Wrong.REMOVED, row_id)]


async def test_a_row_under_another_id_is_told_as_gone_and_as_new(ledger: PostgresPool) -> None:
    for table, row in (("transfers", TRANSFER), ("entries", ENTRY)):
        async with intruder(ledger) as connection:
            row_id = await connection.fetchval(f"UPDATE {table} SET id = id - (9 << 22) WHERE id = {row} RETURNING id")
            found = {(f.wrong, f.row_id) for f in (await verify_as_seen_by(connection)).findings}
        assert found == {(Wrong.REMOVED, row_id + (9 << 22)), (Wrong.INSERTED, row_id)}


async def test_an_inserted_row_is_named(ledger: PostgresPool) -> None:
    for row in INSERTED_ENTRIES:
        async with intruder(ledger) as connection:
            made = await connection.fetchval(f"INSERT INTO entries VALUES {row} RETURNING id")
            found = (await verify_as_seen_by(connection)).findings
        assert [(f.wrong, f.table, f.row_id) for f in found] == [(Wrong.INSERTED, "entry", made)], row
    for xid in ("0", "3"):
        async with intruder(ledger) as connection:
            made = await connection.fetchval(INSERTED_TRANSFER, xid)
            # The sealer passed by there long ago.
            assert await connection.fetchval("SELECT seal_ledger(10)") == 0
            found = (await verify_as_seen_by(connection)).findings
        assert [(f.wrong, f.table, f.row_id) for f in found] == [(Wrong.INSERTED, "transfer", made)], xid


async def test_truncated_tables_are_told_row_by_row(ledger: PostgresPool) -> None:
    for tables, rows in (("entries, transfers", 56), ("entries", 44), ("entries_before", 44)):
        async with intruder(ledger) as connection:
            await connection.execute(f"TRUNCATE {tables}")
            verdict = await verify_as_seen_by(connection)
        assert {finding.wrong for finding in verdict.findings} == {Wrong.REMOVED}
        assert verdict.wrong_count == rows, tables


async def test_what_is_done_to_seals_is_told(ledger: PostgresPool) -> None:
    for change, wrong, pos in SEAL_CHANGES:
        async with intruder(ledger) as connection:
            await connection.execute(change)
            first = (await verify_as_seen_by(connection)).findings[0]
        assert (first.wrong, first.pos) == (wrong, pos), change


async def test_a_tail_cut_off_with_its_checkpoint_contradicts_the_one_that_left(ledger: PostgresPool) -> None:
    inner, last = await _statements(ledger)
    async with intruder(ledger) as connection:
        gone = "SELECT unnest(transfer_ids) FROM ledger_seals WHERE pos > 3"
        await connection.execute(f"DELETE FROM entries WHERE transfer_id IN ({gone})")
        await connection.execute(f"DELETE FROM transfers WHERE id IN ({gone})")
        await _rewind(connection, 3)
        assert (await verify_as_seen_by(connection, inner)).is_intact
        first = (await verify_as_seen_by(connection, last)).findings[0]
    assert (first.wrong, first.pos) == (Wrong.TRUNCATED, 4)


async def test_a_ledger_rewritten_as_a_whole_contradicts_the_checkpoint_that_left(ledger: PostgresPool) -> None:
    _, last = await _statements(ledger)
    async with intruder(ledger) as connection:
        await connection.execute(f"UPDATE entries SET amount = amount + 1 WHERE id = {ENTRY}")
        await _rewind(connection, 0)
        # All is sealed anew, the forged row too.
        assert (
            await connection.fetchval("SELECT seal_ledger(4) + seal_ledger(4) + seal_ledger(2) + seal_ledger(1)") == 11
        )
        assert await connection.fetchval("SELECT seal_ledger(4)") == 1
        assert (await verify_as_seen_by(connection)).is_intact
        first = (await verify_as_seen_by(connection, last)).findings[0]
    assert (first.wrong, first.pos) == (Wrong.CONTRADICTED, 5)


async def test_forged_checkpoints_are_told(ledger: PostgresPool) -> None:
    head, payload, signature = (await _statements(ledger))[1].split(".")
    flipped = ("A" if signature[10] != "A" else "B").join((signature[:10], signature[11:]))
    async with intruder(ledger) as connection:
        await connection.execute(
            "UPDATE ledger_checkpoints SET statement = $1 WHERE pos = 5", f"{head}.{payload}.{flipped}"
        )
        assert [(f.wrong, f.pos) for f in (await verify_as_seen_by(connection)).findings] == [
            (Wrong.SIGNATURE_FALSE, 5)
        ]
    assert (await verify(ledger, "no checkpoint")).findings[0].wrong is Wrong.SIGNATURE_FALSE


async def test_nobody_changes_the_chain_by_statement(ledger: PostgresPool) -> None:
    for table in ("transfers", "entries", "ledger_seals", "ledger_checkpoints", "ledger_keys"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ledger.execute(f"DELETE FROM {table}")


async def _rewind(connection: PostgresConnection, pos: int) -> None:
    """Make the chain and its checkpoints end at a seal."""
    await connection.execute("DELETE FROM ledger_seals WHERE pos > $1", pos)
    await connection.execute("DELETE FROM ledger_checkpoints WHERE pos > $1", pos)
    await connection.execute(
        """
        UPDATE ledger_seal_state SET last_pos = $1,
            last_hash = coalesce((SELECT chain_hash FROM ledger_seals WHERE pos = $1), decode(repeat('00', 32), 'hex')),
            (last_xid, last_id) = (SELECT coalesce(max(xid), '0'), coalesce(max(id), 0) FROM transfers WHERE $1 > 0)
        """,
        pos,
    )
