"""Finding PostgreSQL's programs, and the way to them for an account without rights."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from dev.child import Account
from dev.stores.errors import StoreError
from dev.stores.postgres_binaries import find_binaries, require_reachable

STRANGER = Account(name="stranger", uid=54321, gid=54321)


def test_the_wheel_has_a_server() -> None:
    assert find_binaries().major >= 15


def test_a_folder_without_programs_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No PostgreSQL program runs at"):
        find_binaries(tmp_path)


def test_a_closed_folder_on_the_way_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    data = closed / "inner" / "postgres"
    data.parent.mkdir(parents=True)
    # pytest's own folders are closed to strangers, however many there are.
    own = [folder for folder in closed.parents if folder.is_relative_to(tempfile.gettempdir())]
    for folder in [*own[:-1], closed]:
        folder.chmod(0o755)
    require_reachable(data, STRANGER, "leave")
    closed.chmod(0o700)
    with pytest.raises(StoreError, match=rf"`stranger`, who may not enter {closed} \("):
        require_reachable(data, STRANGER, "leave")
