"""`daira codes` without a platform: mistakes are told, and a message is shown whole."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from click.testing import CliRunner

from dev.cli import main
from dev.code_inbox import told
from services.auth.adapters.postgres.sandbox_inbox import InboxMessage


def test_without_a_platform_it_says_how_to_start_one(tmp_path: Path) -> None:
    answer = CliRunner().invoke(main, ["codes"], env={"DAIRA_HOME": str(tmp_path / "home")})
    assert answer.exit_code == 1
    assert "No DAIRA runs from" in answer.output
    assert "daira run" in answer.output


def test_a_message_is_shown_with_number_and_text() -> None:
    message = InboxMessage("+201001234567", "رمز دائرة: 123456\nصالح 5 دقائق.", datetime(2026, 11, 1, 12, tzinfo=UTC))
    first, second, third = told(message).splitlines()
    assert first.endswith("  +201001234567")
    assert (second, third) == ("  رمز دائرة: 123456", "  صالح 5 دقائق.")
