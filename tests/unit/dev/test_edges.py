"""Graphs as they are found: both formats, headers, comments, and broken lines told with their number."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.errors import DevError
from dev.loader.edges import read_graph


def written(folder: Path, text: str, name: str = "graph.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "1 0\n2 0\n2 1\n",
        "id_1,id_2\n1,0\n2,0\n2,1\n",
        "% undirected\n# note\n\n1\t0\r\n2\t0\r\n2\t1\r\n",
        '\ufeff"1","0"\n2, 0\n2,1',
    ],
)
def test_formats(tmp_path: Path, text: str) -> None:
    said: list[str] = []
    graph = read_graph(written(tmp_path, text), said.append)
    assert graph.names == ["1", "0", "2"]
    assert graph.edges == [(0, 1), (2, 1), (2, 0)]
    assert said == []


def test_broken_lines_are_told_with_their_number_and_skipped(tmp_path: Path) -> None:
    said: list[str] = []
    text = "a1,b2\n1 2 3\n7,7\nlonely\n" + "x" * 5000 + "\nc3,<script>\n5,6\n6,5\n"
    graph = read_graph(written(tmp_path, text), said.append)
    assert [line.split(":")[0] for line in said] == [f"graph.txt, line {number}" for number in (2, 3, 4, 5, 6)]
    assert "from a person to themselves" in said[1]
    assert graph.broken == 5
    # The same edge the other way round is one edge.
    assert graph.repeated == 1
    # The first line names columns: no word of it begins with a digit.
    assert graph.names == ["5", "6"]


def test_many_broken_lines_do_not_flood_the_terminal(tmp_path: Path) -> None:
    said: list[str] = []
    read_graph(written(tmp_path, "broken\n" * 1000 + "1 2\n"), said.append)
    assert len(said) == 21
    assert said[-1] == "graph.txt: 980 more broken lines skipped"


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DevError, match="cannot be read: No such file"):
        read_graph(tmp_path / "absent", print)
    with pytest.raises(DevError, match="cannot be read: Is a directory"):
        read_graph(tmp_path, print)
    with pytest.raises(DevError, match="holds no edge"):
        read_graph(written(tmp_path, "from,to\n"), print)
