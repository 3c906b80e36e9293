"""The table of settings in docs/operations.md: what the code reads, all of it, and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READERS = {"text", "choice", "integer", "seconds", "flag", "url", "secret", "optional_secret", "parsed"}
SERVICES = ("AUTH", "PAYMENTS", "SOCIAL", "ANALYTICS")
NAME = re.compile(r"[A-Z][A-Z0-9_]+")


def names_of(argument: ast.expr) -> Iterator[str]:
    """The setting's name; for f"{service.upper()}_ADDRESS" the names for all services."""
    if isinstance(argument, ast.Constant):
        yield str(argument.value)
        return
    assert isinstance(argument, ast.JoinedStr), ast.unparse(argument)
    end = argument.values[-1]
    assert len(argument.values) == len(("service", "rest")), ast.unparse(argument)
    assert isinstance(end, ast.Constant), ast.unparse(argument)
    assert isinstance(end.value, str), ast.unparse(argument)
    for service in SERVICES:
        yield f"{service}{end.value}"


def settings_read() -> set[str]:
    """Names asked of a services.chassis.config.Env, which is always called env."""
    found: set[str] = set()
    for folder in ("services", "gateway"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
                    continue
                on = node.func.value
                if isinstance(on, ast.Name) and on.id == "env" and node.func.attr in READERS:
                    found.update(names_of(node.args[0]))
    return found


def settings_listed() -> list[str]:
    text = (ROOT / "docs/operations.md").read_text("utf-8")
    table = text.split("\n## Settings\n")[1].split("\n## ")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return [name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell)]


def test_each_setting_is_listed_once() -> None:
    listed = settings_listed()
    assert len(listed) == len(set(listed))
    assert all(NAME.fullmatch(name) for name in listed)


def test_the_table_lists_what_the_code_reads() -> None:
    assert set(settings_listed()) == settings_read()


def test_nothing_reads_the_environment_past_env() -> None:
    """os.environ is handed on whole; a setting that is picked out of it would be in no table."""
    picked = re.compile(r"environ\[|environ\.get|getenv")
    for folder in ("services", "gateway"):
        for path in (ROOT / folder).rglob("*.py"):
            assert not picked.search(path.read_text("utf-8")), path
