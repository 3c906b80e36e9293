"""Reads a social graph: one edge a line, `a b` or `a,b`, with or without a header."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dev.errors import DevError
from dev.loader.problems import Problems

SEPARATOR = re.compile(r"[,\s]+")
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
LONGEST_LINE = 1_000
COMMENT_MARKS = ("#", "%")
MOST_EDGES = 50_000_000


@dataclass(frozen=True)
class Graph:
    """An undirected graph as read: people in order of appearance, and pairs of their indexes, each pair once."""

    names: list[str]
    edges: list[tuple[int, int]]
    repeated: int
    broken: int


def read_graph(path: Path, say: Callable[[str], None]) -> Graph:
    """The graph of a file; raises DevError when it cannot be read or holds no edge. Broken lines are told to `say`."""
    problems = Problems(path.name, say)
    names: dict[str, int] = {}
    seen: set[tuple[int, int]] = set()
    edges: list[tuple[int, int]] = []
    repeated = 0
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            for number, raw in enumerate(file, start=1):
                line = raw.strip()
                if not line or line.startswith(COMMENT_MARKS):
                    continue
                pair = _pair(line)
                if pair is None:
                    problems.add(number, "expected two names", line)
                    continue
                if number == 1 and _is_header(pair):
                    continue
                if pair[0] == pair[1]:
                    problems.add(number, "an edge from a person to themselves", line)
                    continue
                left, right = (names.setdefault(name, len(names)) for name in pair)
                key = (left, right) if left < right else (right, left)
                if key in seen:
                    repeated += 1
                    continue
                seen.add(key)
                edges.append((left, right))
                if len(edges) > MOST_EDGES:
                    raise DevError(f"{path} has more than {MOST_EDGES:,} edges.", "Load a part of it.")
    except OSError as error:
        raise DevError(
            f"The graph {path} cannot be read: {error.strerror}.", "Name a file of edges in --graph."
        ) from error
    problems.finish()
    if not edges:
        raise DevError(f"The graph {path} holds no edge.", "Expected lines such as `12 7` or `12,7`.")
    return Graph(names=list(names), edges=edges, repeated=repeated, broken=problems.count)


def _pair(line: str) -> tuple[str, str] | None:
    words = SEPARATOR.split(line.replace('"', "")) if len(line) <= LONGEST_LINE else []
    if len(words) != 2 or not all(NAME.fullmatch(word) for word in words):
        return None
    return words[0], words[1]


def _is_header(pair: tuple[str, str]) -> bool:
    # Names of people may be words, but a first line of two different words without a digit to start with is a header:
    # the files at hand number their people.
    return not any(word[0].isdigit() for word in pair)
