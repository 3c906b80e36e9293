"""Reads the texts of posts: the first column of a CSV whose quoting may be odd."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dev.errors import DevError
from dev.loader.problems import Problems
from services.chassis.errors import AppError
from services.chassis.text import clean_text

LONGEST_BODY = 1000
# A quote that is never closed must not swallow the file: a record has at most so many lines.
LINES_A_RECORD = 20
LONGEST_LINE = 100_000


@dataclass(frozen=True)
class Texts:
    """Texts that the write path accepts, each once, in the order of the file."""

    bodies: list[str]
    repeated: int
    broken: int


def read_texts(path: Path, say: Callable[[str], None]) -> Texts:
    """The texts of a file; raises DevError when it cannot be read or holds none. Broken lines are told to `say`."""
    problems = Problems(path.name, say)
    try:
        lines = path.read_bytes().decode("utf-8-sig", errors="surrogateescape").split("\n")
    except OSError as error:
        raise DevError(f"The posts {path} cannot be read: {error.strerror}.", "Name a CSV file in --posts.") from error
    bodies: dict[str, None] = {}
    repeated = 0
    columns = 0
    for number, fields in _records(lines, problems):
        if not columns:
            # The first record is the header and says how many columns the others have.
            columns = len(fields)
            continue
        if len(fields) != columns:
            problems.add(number, f"expected {columns} columns, found {len(fields)}", fields[0])
            continue
        try:
            body = clean_text(fields[0], "tweet", 1, LONGEST_BODY, multiline=True)
        except AppError as error:
            problems.add(number, error.message)
            continue
        repeated += body in bodies
        bodies[body] = None
    problems.finish()
    if not bodies:
        raise DevError(f"The posts {path} hold no usable text.", "Expected a CSV with a header and the text first.")
    return Texts(bodies=list(bodies), repeated=repeated, broken=problems.count)


def _records(lines: list[str], problems: Problems) -> Iterator[tuple[int, list[str]]]:
    index = 0
    while index < len(lines):
        line = lines[index].rstrip("\r")
        if not line.strip():
            index += 1
            continue
        if len(line) > LONGEST_LINE:
            problems.add(index + 1, f"longer than {LONGEST_LINE:,} characters")
            index += 1
            continue
        fields, used = _one_record(lines, index)
        if fields is None:
            problems.add(index + 1, "a quote that is never closed", line)
            index += 1
            continue
        yield index + 1, fields
        index += used


def _one_record(lines: list[str], start: int) -> tuple[list[str] | None, int]:
    """The fields of the record that begins at a line, and how many lines it has; None when its quotes do not close."""
    for used in range(1, min(LINES_A_RECORD, len(lines) - start) + 1):
        text = "\n".join(line.rstrip("\r") for line in lines[start : start + used])
        try:
            return next(csv.reader([text], strict=True)), used
        except csv.Error as error:
            if "unexpected end of data" not in str(error):
                # Text after a closing quote: readable when the quotes are taken as they come.
                return next(csv.reader([text], strict=False)), used
    return None, 1
