"""Texts of a CSV with odd quoting: what the write path accepts comes out, the rest is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.errors import DevError
from dev.loader.texts import read_texts

HEADER = "tweet,sarcasm,sentiment,dialect\n"


def read(folder: Path, body: str | bytes) -> tuple[list[str], list[str]]:
    path = folder / "posts.csv"
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    said: list[str] = []
    return read_texts(path, said.append).bodies, said


def test_plain_quoted_and_oddly_quoted(tmp_path: Path) -> None:
    text = (
        HEADER
        + "صباح الخير,FALSE,NEU,egypt\n"
        + '"""مع فيدرر 😍 https://t.co/x""",FALSE,NEU,msa\n'
        + "“قال: نعم”,FALSE,NEU,msa\n"
        + 'the 5" pipe,TRUE,POS,msa\n'
        + '"a, b",TRUE,POS,msa\r\n'
        + '"two\nlines",TRUE,POS,msa\n'
        + '"closed"and on,TRUE,POS,msa\n'
    )
    bodies, said = read(tmp_path, text)
    assert bodies == [
        "صباح الخير",
        '"مع فيدرر 😍 https://t.co/x"',
        "“قال: نعم”",
        'the 5" pipe',
        "a, b",
        "two\nlines",
        "closedand on",
    ]
    assert said == []


def test_broken_lines_are_told_with_their_number(tmp_path: Path) -> None:
    text = (
        HEADER
        + "good,1,2,3\n"
        + "too,few\n"
        + "evil \u202e text,1,2,3\n"
        + '"never closed,1,2,3\n'
        + "good too,1,2,3\n"
        + ",1,2,3\n"
        + "x" * 1001
        + ",1,2,3\n"
        + "good,4,5,6\n"
    )
    bodies, said = read(tmp_path, text + "filler,1,2,3\n" * 30)
    assert bodies == ["good", "good too", "filler"]
    assert [line.split(":")[0] for line in said] == [f"posts.csv, line {number}" for number in (3, 4, 5, 7, 8)]
    assert "expected 4 columns, found 2" in said[0]
    assert "bidirectional" in said[1]
    assert "never closed" in said[2]


def test_broken_utf8_is_told_and_skipped(tmp_path: Path) -> None:
    bodies, said = read(tmp_path, HEADER.encode() + b"caf\xe9,1,2,3\nfine,1,2,3\n")
    assert bodies == ["fine"]
    assert "line 2" in said[0]


def test_what_holds_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DevError, match="hold no usable text"):
        read(tmp_path, HEADER)
    with pytest.raises(DevError, match="cannot be read"):
        read_texts(tmp_path / "absent.csv", print)
