"""The command that verifies the audit log, as an operator runs it."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from services.auth import check_audit
from tests.integration.auth.audit import intruder, seal_all, sealer
from tests.integration.auth.server import KEK, Running


@pytest.fixture
def command(auth_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_DATABASE_URL", auth_database)
    monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY", base64.urlsafe_b64encode(KEK).decode())


async def run(*arguments: str) -> int:
    return await asyncio.to_thread(check_audit.main, arguments)


@pytest.mark.usefixtures("command")
async def test_an_intact_log_is_told_so_and_a_changed_row_is_named(
    auth: Running, auth_database: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    registered = await auth.register("mona@example.com")
    await auth.sign_in("mona@example.com")
    await seal_all(auth.pool)
    await sealer(auth.pool).add_checkpoint()
    assert await run("verify") == 0
    assert "audit log: intact" in capsys.readouterr().out
    statements = tmp_path / "checkpoints.txt"
    rows = await auth.pool.fetch("SELECT statement FROM audit_checkpoints")
    statements.write_text("\n".join(row["statement"] for row in rows), "utf-8")
    assert await run("verify", "--checkpoint", str(statements)) == 0
    assert await run("show", "--user", str(registered.user_id)) == 0
    assert "user_registered" in capsys.readouterr().out
    async with intruder(auth_database) as connection:
        changed = await connection.execute("UPDATE audit_log SET actor_id = 7 WHERE kind = 'user_registered'")
    assert changed == "UPDATE 1"
    assert await run("verify") == 1
    said = capsys.readouterr().out
    assert "WRONG row changed" in said
    assert "NOT INTACT" in said


@pytest.mark.usefixtures("command")
async def test_a_tail_that_was_cut_is_found_with_a_checkpoint_from_outside(auth: Running, auth_database: str) -> None:
    await auth.register("mona@example.com")
    await seal_all(auth.pool)
    outside = await sealer(auth.pool).add_checkpoint()
    assert outside is not None
    async with intruder(auth_database) as connection:
        for table in ("audit_log", "audit_seals", "audit_checkpoints"):
            await connection.execute(f"DELETE FROM {table}")
        await connection.execute("UPDATE audit_seal_state SET last_pos = 0")
    assert await run("verify", "--checkpoint", outside) == 1


async def test_wrong_arguments_and_settings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTH_DATABASE_URL", raising=False)
    assert await run("verify") == 2
    with pytest.raises(SystemExit):
        await run("verify", "--nothing")
