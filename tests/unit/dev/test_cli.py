"""The `daira` command: mistakes are told in one message, without a traceback, with exit code 1."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dev import doctor
from dev.cli import main
from dev.doctor import Finding
from services.chassis.service_tokens import SigningSeed, TrustBundle


def daira(*arguments: str, **settings: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env=dict(settings))


def test_help_names_the_commands() -> None:
    answer = daira("--help")
    assert answer.exit_code == 0
    for command in ("run", "load", "doctor", "keys", "codes", "audit"):
        assert command in answer.output


def test_wrong_settings_end_a_run_before_it_begins(tmp_path: Path) -> None:
    answer = daira("run", DAIRA_HOME=str(tmp_path / "home"), GATEWAY_PORT="no", REDIS_URL="ftp://x")
    assert answer.exit_code == 1
    assert "GATEWAY_PORT='no': expected a port" in answer.output
    assert "REDIS_URL: expected a URL that begins with redis://" in answer.output
    assert "Traceback" not in answer.output
    assert not (tmp_path / "home").exists()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    answer = daira("load", "--graph", str(tmp_path / "none.edges"), DAIRA_HOME=str(tmp_path / "home"))
    assert answer.exit_code == 1
    assert "cannot be read: No such file" in " ".join(answer.output.split())


@pytest.mark.parametrize("wrong", [("--days", "0"), ("--seed", "x"), ("--likes-per-post", "-1")])
def test_options_out_of_range_are_refused(tmp_path: Path, wrong: tuple[str, str]) -> None:
    answer = daira("load", "--graph", "g", *wrong)
    assert answer.exit_code == 2
    assert wrong[0] in answer.output


def test_doctor_lists_and_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", lambda _settings: [Finding(good=True, text="Python 3.11")])
    assert daira("doctor").exit_code == 0
    monkeypatch.setattr(doctor, "examine", lambda _settings: [Finding(good=False, text="Rust: not on the PATH")])
    answer = daira("doctor")
    assert answer.exit_code == 1
    assert "PROBLEM Rust: not on the PATH" in answer.output


def test_doctor_looks_at_this_machine(tmp_path: Path) -> None:
    answer = daira("doctor", DAIRA_HOME=str(tmp_path), PATH="/nowhere")
    assert "Python 3." in answer.output
    assert "Rust toolchain: `cargo` is not on the PATH; install Rust" in answer.output
    assert "C compiler: `cc` is not on the PATH" in answer.output
    assert "GATEWAY_PORT" in answer.output
    assert "GiB free" in answer.output


def test_a_key_of_a_service_is_made_and_its_public_half_made_known(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.json"
    made = [daira("keys", "service", name, "--bundle", str(bundle)) for name in ("auth", "social", "social")]
    seeds = [SigningSeed.from_text(one.output.strip().removeprefix("SERVICE_SIGNING_KEY=")) for one in made]
    known = TrustBundle.parse(bundle.read_text("utf-8"))
    owners = [(known.find(seed.kid) or ("nobody",))[0] for seed in seeds]
    assert owners == ["auth", "social", "social"]
    assert not any(one.output.strip().partition("=")[2] in bundle.read_text("utf-8") for one in made)


def test_a_third_key_of_a_service_is_refused(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.json"
    for _ in range(2):
        assert daira("keys", "service", "auth", "--bundle", str(bundle)).exit_code == 0
    before = bundle.read_text("utf-8")
    for name in ("auth", "not a name"):
        refused = daira("keys", "service", name, "--bundle", str(bundle))
        assert refused.exit_code == 1
        assert "SERVICE_SIGNING_KEY" not in refused.output
    assert bundle.read_text("utf-8") == before


@pytest.mark.parametrize("verb", [("list",), ("rotate",), ("revoke", "kid")])
def test_keys_are_those_of_a_platform_that_runs(verb: tuple[str, ...], tmp_path: Path) -> None:
    answer = daira("keys", *verb, DAIRA_HOME=str(tmp_path / "home"))
    assert answer.exit_code == 1
    assert "No DAIRA runs" in answer.output


@pytest.mark.parametrize("command", ["verify", "trial-balance", "reconcile", "breaks"])
def test_the_ledger_of_a_platform_that_does_not_run_is_told(tmp_path: Path, command: str) -> None:
    answer = daira("ledger", command, DAIRA_HOME=str(tmp_path / "home"))
    assert answer.exit_code == 1
    assert "No DAIRA runs from" in answer.output


def test_a_moment_that_is_none_is_refused(tmp_path: Path) -> None:
    answer = daira("ledger", "trial-balance", "--at", "tomorrow", DAIRA_HOME=str(tmp_path / "home"))
    assert answer.exit_code == 2
    assert "no moment such as 2026-11-24T10:00" in answer.output
