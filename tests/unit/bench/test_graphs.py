"""Graphs made of a graph: the size asked for, the same law of degrees, and the same seed the same graph."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from bench.graphs import Edge, grown, mean_degree, subsample, write_edges
from dev.loader.edges import read_graph


def skewed(people: int, seed: int = 5) -> list[Edge]:
    drawn = random.Random(seed)
    ends = list(range(people))
    edges: set[Edge] = set()
    for newcomer in range(1, people):
        for other in {drawn.choice(ends) for _ in range(4)} - {newcomer}:
            edges.add((min(newcomer, other), max(newcomer, other)))
            ends += [newcomer, other]
    return sorted(edges)


GRAPH = skewed(2000)


def people_of(edges: list[Edge]) -> set[int]:
    return {person for edge in edges for person in edge}


def test_a_subsample_is_part_of_the_graph_and_no_denser() -> None:
    part = subsample(GRAPH, 500, seed=1)
    assert set(part) <= set(GRAPH)
    assert 350 <= len(people_of(part)) <= 500
    # A quarter of the people drawn one by one would keep a quarter of each other's edges.
    assert mean_degree(GRAPH) / 4 * 1.5 < mean_degree(part) < mean_degree(GRAPH) * 1.25


def test_a_subsample_of_a_close_knit_graph_is_as_dense() -> None:
    villages = [
        (village * 40 + left, village * 40 + right)
        for village in range(50)
        for left in range(40)
        for right in range(left + 1, 40)
        if (left * right + village) % 4 == 0
    ]
    bridges = [(village * 40, village * 40 + 40) for village in range(49)]
    graph = [*villages, *bridges]
    assert mean_degree(subsample(graph, 1000, seed=1)) == pytest.approx(mean_degree(graph), rel=0.15)


def test_a_grown_graph_has_the_law_of_degrees_of_its_source() -> None:
    larger = grown(GRAPH, 6000, seed=1)
    assert len(people_of(larger)) == pytest.approx(6000, rel=0.02)
    assert mean_degree(larger) == pytest.approx(mean_degree(GRAPH), rel=0.05)
    assert all(left < right for left, right in larger)

    def share_above(edges: list[Edge], degree: int) -> float:
        degrees = Counter(person for edge in edges for person in edge)
        return sum(count > degree for count in degrees.values()) / len(degrees)

    for degree in (5, 20, 50):
        assert share_above(larger, degree) == pytest.approx(share_above(GRAPH, degree), rel=0.3)


@pytest.mark.parametrize("make", [subsample, grown])
def test_the_same_seed_gives_the_same_graph(make: type) -> None:
    assert make(GRAPH, 300, 7) == make(GRAPH, 300, 7)
    assert make(GRAPH, 300, 7) != make(GRAPH, 300, 8)


def test_the_loader_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "graph.edges"
    write_edges(GRAPH, path)
    graph = read_graph(path, print)
    assert len(graph.edges) == len(GRAPH)
    assert len(graph.names) == len(people_of(GRAPH))
