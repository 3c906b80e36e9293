"""docs/asvs.md has each requirement once, and names tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# How many requirements of levels 1 and 2 each section has (ASVS 5.0.0); those of level 3 leave gaps in the numbers.
SECTIONS = {
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2,
    "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "9.1": 3, "9.2": 4,
    "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3,
}  # fmt: skip
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| (met|partly|n/a) \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs/asvs.md").read_text("utf-8"))
REASON_CHARS = 15


@cache
def functions_of(path: str) -> frozenset[str]:
    """The test functions of a file."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_each_requirement_is_there_once() -> None:
    wanted = [f"{section}.{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)]
    assert [row[0] for row in ROWS] == wanted
    assert len(wanted) == 96


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_is_shown_by_a_test_that_exists_or_says_why_not(row: tuple[str, str, str, str, str]) -> None:
    _number, _asked, outcome, how, shown = row
    named = re.findall(r"`([^`]+)::([^`]+)`", shown)
    if outcome == "n/a":
        assert len(how) >= REASON_CHARS
        assert not named
        return
    assert named
    assert outcome == "met" or len(how) >= REASON_CHARS
    for path, test in named:
        assert test in functions_of(path), f"{path} has no {test}"
