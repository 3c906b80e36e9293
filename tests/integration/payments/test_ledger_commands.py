"""The process seals what is posted within seconds, and the commands beside it tell whether somebody touched it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import grpc.aio
import httpx
import pytest

from dev.ports import free_port
from services.payments import trial_balance, verify_ledger
from tests.integration.payments.processes import Caller, PaymentsProcess, StandInAuth

PROMISED_S = 5.0
_SIGNED_SQL = "SELECT statement FROM ledger_checkpoints"
AHMED, MONA = 4_000_001, 4_000_002


@pytest.fixture
async def private(
    migrated_database: Callable[[str], str], stand_in_auth: StandInAuth, log_of: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PaymentsProcess]:
    """A process on a database of its own, whose settings the commands have as well."""
    metrics = str(free_port())
    process = PaymentsProcess(migrated_database("payments"), stand_in_auth, log_of, PAYMENTS_METRICS_PORT=metrics)
    process.start()
    for name in ("PAYMENTS_DATABASE_URL", "PAYMENTS_KEY_ENCRYPTION_KEY", "PAYMENTS_METRICS_PORT"):
        monkeypatch.setenv(name, process.environment[name])
    yield process
    process.stop()


async def _sealed(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Returns when everything is sealed, within what is promised."""
    async with asyncio.timeout(PROMISED_S):
        while await connection.fetchval(  # noqa: ASYNC110 - another process does it
            "SELECT last_id < (SELECT max(id) FROM transfers) FROM ledger_seal_state"
        ):
            await asyncio.sleep(0.05)


async def test_what_is_posted_is_sealed_and_what_is_touched_is_named(
    private: PaymentsProcess, stand_in_auth: StandInAuth, capsys: pytest.CaptureFixture[str]
) -> None:
    async with grpc.aio.insecure_channel(private.address) as channel:
        ahmed = Caller(channel, stand_in_auth, AHMED)
        await ahmed.top_up(50_000, "up")
        tip = await ahmed.tip(MONA, 10_000, "tip")
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(private.environment["PAYMENTS_DATABASE_URL"])
    await _sealed(connection)
    assert await asyncio.to_thread(verify_ledger.main, []) == 0
    assert "ledger: intact" in capsys.readouterr().out
    assert await asyncio.to_thread(trial_balance.main, []) == 0
    assert "wallet" in capsys.readouterr().out

    # By hand, as psql would.
    await connection.execute("SET session_replication_role = replica")
    await connection.execute("UPDATE entries SET amount = amount + 5 WHERE transfer_id = $1 AND account_id = $2",
                             tip.transfer_id, MONA)  # fmt: skip
    assert await asyncio.to_thread(verify_ledger.main, []) == 1
    told = capsys.readouterr().out
    assert f"entry {tip.transfer_id | 2 << 12} is not what was sealed" in told
    assert told.endswith("ledger: NOT INTACT\n")
    assert await asyncio.to_thread(trial_balance.main, ["--at", "2100-01-01"]) == 1
    assert "trial balance: WRONG" in capsys.readouterr().out
    await connection.close()

    async with httpx.AsyncClient() as http:
        page = (await http.get(f"http://127.0.0.1:{private.environment['PAYMENTS_METRICS_PORT']}/metrics")).text
    assert "daira_payments_ledger_seal_lag_seconds" in page
    assert "daira_payments_ledger_unbalanced_piastres 0.0" in page
    assert 'daira_payments_ledger_open_breaks{kind="missing_there"} 0.0' in page


async def test_a_checkpoint_that_left_in_the_log_is_compared(
    private: PaymentsProcess, stand_in_auth: StandInAuth, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with grpc.aio.insecure_channel(private.address) as channel:
        await Caller(channel, stand_in_auth, AHMED).top_up(50_000, "up")
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(private.environment["PAYMENTS_DATABASE_URL"])
    await _sealed(connection)
    async with asyncio.timeout(30):
        while not (statement := await connection.fetchval(_SIGNED_SQL)):  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.2)
    kept = tmp_path / "checkpoints"
    kept.write_text(f"{statement}\n")
    assert statement in private.log.read_text()
    assert await asyncio.to_thread(verify_ledger.main, ["--checkpoint", str(kept)]) == 0
    assert await asyncio.to_thread(verify_ledger.main, ["--checkpoint", str(tmp_path / "none")]) == 2
    await connection.execute("SET session_replication_role = replica")
    await connection.execute("TRUNCATE ledger_seals, ledger_checkpoints, entries, transfers")
    await connection.execute(
        "UPDATE ledger_seal_state SET last_xid = '0', last_id = 0, last_pos = 0,"
        " last_hash = decode(repeat('00', 32), 'hex')"
    )
    await connection.close()
    # Inside the database nothing tells of it any more.
    assert await asyncio.to_thread(verify_ledger.main, []) == 0
    capsys.readouterr()
    assert await asyncio.to_thread(verify_ledger.main, ["--checkpoint", str(kept)]) == 1
    assert "tail removed" in capsys.readouterr().out


def test_a_wrong_setting_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("PAYMENTS_DATABASE_URL", raising=False)
    assert verify_ledger.main([]) == trial_balance.main([]) == 2
    assert "PAYMENTS_DATABASE_URL" in capsys.readouterr().err
