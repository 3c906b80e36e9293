"""The house rules that no linter knows: sizes, names, first lines, and what the project never mentions."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 320
FUNCTION_LINES_MAX = 70
REFUSED_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "base", "manager"}
# The protos' shared package is called common, as the design has it.
ALLOWED_PATHS = {Path("protos/daira/common"), Path("k8s/base")}


def tracked(*suffixes: str) -> list[Path]:
    """Files under version control or about to be, generated and vendored ones left out."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    paths = [Path(line) for line in listing if line.endswith(suffixes)]
    return [path for path in paths if (ROOT / path).is_file() and not is_foreign(path)]


def is_foreign(path: Path) -> bool:
    """Whether a file is generated or vendored, hence not ours to shape."""
    return path.parts[:2] in {("protos", "gen"), ("gateway", "graphiql")} and path.suffix != ".md"


PYTHON = tracked(".py")
SOURCES = tracked(".py", ".rs", ".graphql", ".proto", ".sh")


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_file_is_short(path: Path) -> None:
    lines = len((ROOT / path).read_text("utf-8").splitlines())
    assert lines <= FILE_LINES_MAX, f"{path} has {lines} lines: split it by purpose"


@pytest.mark.parametrize("path", PYTHON, ids=str)
def test_python_file_says_its_purpose_first(path: Path) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    docstring = ast.get_docstring(tree)
    assert docstring, f"{path}: the first line must say the file's one purpose"
    assert len(docstring.splitlines()[0]) > len("what"), path


@pytest.mark.parametrize("path", PYTHON, ids=str)
def test_functions_fit_on_a_screen(path: Path) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES_MAX, f"{path}:{node.lineno} {node.name} has {length} lines"


def test_no_junk_drawers() -> None:
    for path in SOURCES:
        for depth, part in enumerate(path.parts, start=1):
            if Path(*path.parts[:depth]) in ALLOWED_PATHS:
                continue
            assert Path(part).stem not in REFUSED_NAMES, f"{path}: {part} says nothing; name what it holds"


def test_no_unfinished_work_is_left_in_the_source() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")
    for path in SOURCES:
        if path == Path("tests/tidy/test_house.py"):
            continue
        for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), start=1):
            assert not marks.search(line), f"{path}:{number}: {line.strip()}"


def test_no_machine_of_ours_is_named() -> None:
    private = re.compile(
        r"/work/|/root/|(?<!emit-)index-url|extra-index|registry\.npmjs|files\.pythonhosted|static\.crates"
    )
    for path in tracked(""):
        if path.suffix in {".lock", ".binpb", ".png"} or path == Path("tests/tidy/test_house.py"):
            continue
        text = (ROOT / path).read_text("utf-8", errors="replace")
        found = private.search(text)
        assert not found, f"{path}: {found.group(0) if found else ''}"


def test_every_package_folder_has_one_sentence() -> None:
    for path in PYTHON:
        if path.name != "__init__.py":
            continue
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        extra = [node for node in tree.body if not isinstance(node, ast.Expr)]
        assert not extra or path.parts[0] == "native", f"{path}: says what it is; no code"
