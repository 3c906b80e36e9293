"""Graphs smaller and larger than a real one, made of it with a seed: the same law of degrees at every size."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

Edge = tuple[int, int]

# How often a walk starts anew at anybody, so that it leaves no corner of the graph for good.
RESTART = 0.15


def mean_degree(edges: Sequence[Edge]) -> float:
    """Edges a person, each counted at both of its ends."""
    return 2 * len(edges) / len({person for edge in edges for person in edge})


def subsample(edges: Sequence[Edge], people: int, seed: int) -> list[Edge]:
    """The edges among about `people` of a graph's people whom a random walk meets first.

    A walk meets the well connected first, who know one another, so their edges are thinned at random to the graph's
    mean degree; who is left without any drops out.
    """
    drawn = random.Random(f"{seed}:subsample")
    neighbours: dict[int, list[int]] = {}
    for left, right in edges:
        neighbours.setdefault(left, []).append(right)
        neighbours.setdefault(right, []).append(left)
    everybody = sorted(neighbours)
    at = drawn.choice(everybody)
    met = {at}
    while len(met) < min(people, len(everybody)):
        at = drawn.choice(everybody) if drawn.random() < RESTART else drawn.choice(neighbours[at])
        met.add(at)
    among = [edge for edge in edges if edge[0] in met and edge[1] in met]
    wanted = round(mean_degree(edges) * len(met) / 2)
    return drawn.sample(among, wanted) if wanted < len(among) else among


def grown(edges: Sequence[Edge], people: int, seed: int) -> list[Edge]:
    """A graph of `people` whose degrees are drawn from those of a graph, wired at random (configuration model).

    Edges to oneself and doubled ones are left out. The greatest degree stays the graph's, where a real one would grow.
    """
    drawn = random.Random(f"{seed}:grown")
    ends = Counter(person for edge in edges for person in edge)
    degrees = [ends[person] for person in sorted(ends)]
    stubs = [person for person in range(people) for _ in range(drawn.choice(degrees))]
    drawn.shuffle(stubs)
    pairs = zip(stubs[::2], stubs[1::2], strict=False)
    return sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})


def write_edges(edges: Sequence[Edge], path: Path) -> None:
    """The form that the loader reads."""
    path.write_text("".join(f"{left} {right}\n" for left, right in edges), "utf-8")
