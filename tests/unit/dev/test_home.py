"""The state folder: one run at a time, secrets kept, leftovers recognised."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dev.errors import DevError
from dev.home import Home, RecordedProcess, created_at

HOLD = """
import sys, time
from pathlib import Path
from dev.home import Home
with Home(Path(sys.argv[1])).hold():
    print('held', flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_refused_with_the_first_ones_pid(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout
        assert first.stdout.readline() == "held\n"
        home = Home(tmp_path)
        assert home.is_held()
        with pytest.raises(DevError, match=rf"DAIRA already runs from .*: pid {first.pid} \("), home.hold():
            pass
        first.kill()
        first.wait()
        # The lock died with its owner.
        with home.hold():
            pass
    assert not home.is_held()


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    first = Home(tmp_path).secrets()
    assert Home(tmp_path).secrets() == first
    assert len(set(first.values())) == len(first)
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_damaged_or_lost_secrets_are_told(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{", encoding="utf-8")
    with pytest.raises(DevError, match=r"secrets.json is damaged"):
        Home(tmp_path).secrets()
    (tmp_path / "secrets.json").unlink()
    (tmp_path / "postgres").mkdir()
    with pytest.raises(DevError, match="does not hold postgres_password"):
        Home(tmp_path).secrets()


def test_only_the_very_process_counts_as_left_over(tmp_path: Path) -> None:
    home = Home(tmp_path)
    me = os.getpid()
    home.record([RecordedProcess("me", me, created_at(me)), RecordedProcess("stranger", me, created_at(me) - 99.0)])
    assert [record.name for record in home.recorded()] == ["me"]
    (tmp_path / "processes.json").write_text("[{", encoding="utf-8")
    assert home.recorded() == []


def test_endpoints_are_told_only_while_a_run_holds_the_folder(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.write_endpoints({"REDIS_URL": "redis://x"})
    assert home.endpoints() == {}
    with home.hold():
        assert home.endpoints() == {"REDIS_URL": "redis://x"}
    assert json.loads((tmp_path / "endpoints.json").read_text("utf-8"))


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DevError, match="cannot be used"), Home(tmp_path / "file").hold():
        pass
