"""The way into the house: bootstrap.sh says in one line what a machine lacks, and `make help` lists every target."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "dev/bootstrap.sh"
# What the script itself needs of a machine, whatever else is missing.
PLAIN_TOOLS = ("bash", "env", "dirname")
WHOLE = {"python3": sys.executable, "cargo": "/bin/true", "cc": "/bin/true"}


def machine(folder: Path, tools: dict[str, str]) -> Path:
    """A folder for PATH with nothing but the plain tools and these, each a link or, for a wrong answer, a script."""
    folder.mkdir()
    for name in PLAIN_TOOLS:
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    for name, target in tools.items():
        (folder / name).write_text(f'#!/bin/sh\nexec "{target}" "$@"\n', "utf-8")
        (folder / name).chmod(0o755)
    return folder


def bootstrap(tmp_path: Path, tools: dict[str, str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script where `tools` are all there is, for an environment in an empty folder."""
    path = machine(tmp_path / "bin", tools)
    return subprocess.run(
        [str(path / "bash"), str(SCRIPT), str(tmp_path / "venv")],
        env={"PATH": str(path), "HOME": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def without(*names: str) -> dict[str, str]:
    return {name: target for name, target in WHOLE.items() if name not in names}


@pytest.mark.parametrize(
    ("missing", "said"),
    [("python3", "Python 3.11 or newer is needed"), ("cargo", "cargo is not on PATH"), ("cc", "no C compiler (cc)")],
)
def test_what_is_missing_is_said_in_one_line_and_nothing_is_made(tmp_path: Path, missing: str, said: str) -> None:
    outcome = bootstrap(tmp_path, without(missing))
    assert outcome.returncode == 1
    assert outcome.stdout == ""
    assert len(outcome.stderr.splitlines()) == 1, outcome.stderr
    assert outcome.stderr.startswith("setup: ")
    assert said in outcome.stderr
    assert not (tmp_path / "venv").exists()


def test_an_old_python_is_as_good_as_none(tmp_path: Path) -> None:
    outcome = bootstrap(tmp_path, {**WHOLE, "python3": "/bin/false"})
    assert outcome.returncode == 1
    assert len(outcome.stderr.splitlines()) == 1, outcome.stderr
    assert "Python 3.11 or newer is needed" in outcome.stderr
    assert not (tmp_path / "venv").exists()


def test_a_newer_python_under_its_own_name_is_found(tmp_path: Path) -> None:
    outcome = bootstrap(tmp_path, {"python3": "/bin/false", "python3.12": sys.executable, "cc": "/bin/true"})
    assert "cargo is not on PATH" in outcome.stderr


@pytest.mark.parametrize("named", ["/bin/false", "/no/such/python"])
def test_a_python_named_by_hand_is_not_replaced_in_silence(tmp_path: Path, named: str) -> None:
    outcome = bootstrap(tmp_path, WHOLE, PYTHON=named)
    assert outcome.returncode == 1
    assert f"setup: {named} is older than Python 3.11" in outcome.stderr
    assert not (tmp_path / "venv").exists()


def documented_targets() -> dict[str, str]:
    text = (ROOT / "Makefile").read_text("utf-8")
    return dict(re.findall(r"^([a-z0-9-]+):[^\n]*?## (.+)$", text, re.MULTILINE))


def test_make_help_lists_every_documented_target() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown.stdout)
    listed = dict(re.findall(r"^  ([a-z0-9-]+) +(.+)$", plain, re.MULTILINE))
    listed.pop("make", None)
    assert listed == documented_targets()


def test_every_documented_target_is_phony() -> None:
    phony = set(re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert documented_targets().keys() <= phony
