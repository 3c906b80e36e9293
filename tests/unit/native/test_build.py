"""A build older than its sources is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import daira_native
from daira_native._freshness import refuse_stale, source_hash

PACKAGE = Path(daira_native.__file__).resolve().parent
NATIVE = Path(__file__).resolve().parents[3] / "native"
SKIPPED = shutil.ignore_patterns("target", "fuzz", "benches", "tests", "*.so")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of native/ with the built module and the sources it was built from."""
    native = tmp_path / "native"
    shutil.copytree(NATIVE, native, ignore=SKIPPED)
    module = next(PACKAGE.glob("_native*.so"))
    shutil.copy2(module, native / "python" / "daira_native")
    return native


def imported(native: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import daira_native; print(daira_native.__file__)"
    command = [sys.executable, "-S", "-c", code, str(native / "python")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_hash_of_the_build_is_that_of_the_sources() -> None:
    assert daira_native.source_hash() == source_hash(NATIVE)


def test_a_fresh_build_is_taken(copy: Path) -> None:
    done = imported(copy)
    assert done.returncode == 0, done.stderr
    assert str(copy) in done.stdout


@pytest.mark.parametrize(
    "source", ["crates/feed-rank/src/terms.rs", "crates/feature-table/Cargo.toml", "py/Cargo.lock", "py/src/new.rs"]
)
def test_a_stale_build_is_refused(copy: Path, source: str) -> None:
    with (copy / source).open("a") as file:
        file.write("\n")
    done = imported(copy)
    assert done.returncode != 0
    assert "run `make native`" in done.stderr


def test_tests_and_build_products_do_not_count(copy: Path) -> None:
    before = source_hash(copy)
    for folder in ("crates/feed-rank/tests", "crates/feed-rank/benches", "py/target"):
        (copy / folder).mkdir(parents=True)
        (copy / folder / "new.rs").touch()
    assert source_hash(copy) == before


def test_an_installed_wheel_has_no_sources_to_compare(tmp_path: Path) -> None:
    refuse_stale("whatever", tmp_path)
