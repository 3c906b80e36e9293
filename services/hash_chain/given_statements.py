"""Checkpoints as an operator gives them to a command: the statement itself, or a file of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

_DOTS: Final = 2


def read_statements(given: Sequence[str]) -> list[str]:
    """Checkpoints as they were given: the statement itself, or a file with one a line; OSError for a missing file."""
    statements: list[str] = []
    for one in given:
        # A compact JWS begins with the base64url of "{" and has two dots.
        is_statement = one.startswith("ey") and one.count(".") == _DOTS and "/" not in one
        lines = [one] if is_statement else Path(one).read_text("utf-8").split("\n")
        statements += [line.strip() for line in lines if line.strip()]
    return statements
