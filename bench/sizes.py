"""`python -m bench.sizes`: what a feed costs as the graph grows; writes bench/results-sizes.json and sizes.svg."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench import size_figures, size_plot
from bench.feeds.insides import MIB
from bench.filling import Filling, held
from bench.graphs import Edge, grown, mean_degree, subsample, write_edges
from bench.platform import Platform
from bench.results import ROOT, Measurement, measured, show, write
from bench.targets import SIZES
from dev.loader.edges import read_graph

RESULTS = ROOT / "bench" / "results-sizes.json"
SEED = 1
SMALL, WHOLE, LARGE = SIZES


@dataclass(frozen=True)
class Size:
    """One graph of the plot: about so many people, 0 for the given graph as it is, and its posts."""

    people: int
    posts: int


# The same posts a person in the small one as in the given one.
WANTED = {SMALL: Size(10_000, 53_000), WHOLE: Size(0, 200_000), LARGE: Size(200_000, 200_000)}


@click.command()
@click.option("--only", type=click.Choice(SIZES), multiple=True, help="Only this size; may be repeated.")
@click.option("--share", type=click.FloatRange(0.001, 1.0), default=1.0, help="Of the people and posts, for a trial.")
def main(only: tuple[str, ...], share: float) -> None:
    """Each size on a platform of its own; what is measured is written before the next one starts."""
    console = Console(width=160)
    given = Filling.from_environment(os.environ)
    if given is None:
        console.print("BENCH_GRAPH and BENCH_POSTS name the graph and the posts to start from.", style="red")
        sys.exit(2)
    edges = read_graph(given.graph, console.print).edges
    with tempfile.TemporaryDirectory(prefix="daira-bench-") as folder:
        for size in only or SIZES:
            graph = Path(folder) / f"{size}.edges"
            made = of_size(edges, round(WANTED[size].people * share), share)
            write_edges(made, graph)
            people = len({person for edge in made for person in edge})
            console.rule(f"{size}: {people:,} people, {mean_degree(made):.1f} follows each")
            filling = size_figures.filling(graph, given.posts, round(WANTED[size].posts * share))
            load = os.getloadavg()[0]
            # Analytics would take in a month of events at once, which is no part of what a feed costs.
            with Platform.empty(console, filling) as platform, held(platform.scratch, "analytics"):
                figures = size_figures.measure(platform, size, people, 2 * len(made))
            figures = [dataclasses.replace(one, load_before=load) for one in figures]
            show(figures, console)
            write(figures, RESULTS)
    write(marginal(json.loads(RESULTS.read_text("utf-8"))), RESULTS)
    if share == 1.0:
        size_plot.main()


def marginal(results: Sequence[Mapping[str, Any]]) -> list[Measurement]:
    """Memory for each person more, between the given graph and the large one: both have the same posts."""
    values = {entry["name"]: entry["value"] for entry in results}
    if f"sizes.{LARGE}.people" not in values or f"sizes.{WHOLE}.people" not in values:
        return []
    people = values[f"sizes.{LARGE}.people"] - values[f"sizes.{WHOLE}.people"]

    def a_person(figure: str) -> float:
        return float((values[f"sizes.{LARGE}.{figure}"] - values[f"sizes.{WHOLE}.{figure}"]) * MIB / people)

    return [
        measured("sizes.social_bytes_per_person", [a_person("social_mib")]),
        measured("sizes.table_bytes_per_person", [a_person("table_mib")]),
    ]


def of_size(edges: list[Edge], people: int, share: float) -> list[Edge]:
    """The graph itself, a part of it, or one grown after it."""
    own = len({person for edge in edges for person in edge})
    wanted = people or round(own * share)
    if wanted == own:
        return edges
    return subsample(edges, wanted, SEED) if wanted < own else grown(edges, wanted, SEED)


if __name__ == "__main__":
    main()
