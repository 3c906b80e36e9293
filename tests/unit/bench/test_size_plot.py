"""The plot of sizes: well-formed, every figure in it, labels apart, scales that begin at nothing."""

from __future__ import annotations

import itertools
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bench.size_plot import PANELS, drawn, nice_step, thousands
from bench.targets import SIZES

SVG = "{http://www.w3.org/2000/svg}"


def entry(name: str, value: float) -> dict[str, Any]:
    runs = {"min": value * 0.8, "median": value, "max": value * 1.3, "count": 3}
    return {"name": name, "value": value, "runs": runs, "machine": "a machine <2 cores>", "commit": "abc1234"}


def results(sizes: tuple[str, ...] = SIZES) -> list[dict[str, Any]]:
    found = []
    for n, size in enumerate(sizes):
        found.append(entry(f"sizes.{size}.people", 10_000 * 5**n))
        for panel in PANELS:
            found += [entry(f"sizes.{size}.{name}", 3.0 + n + len(name)) for name in panel.lines.values()]
    return found


@pytest.mark.parametrize("sizes", [SIZES, SIZES[:1]])
def test_every_line_of_every_panel_is_drawn(sizes: tuple[str, ...]) -> None:
    root = ET.fromstring(drawn(results(sizes)))  # noqa: S314 - our own drawing
    lines = sum(len(panel.lines) for panel in PANELS)
    assert len(root.findall(f".//{SVG}polyline")) == lines
    assert len(root.findall(f".//{SVG}circle")) == lines * len(sizes)
    texts = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert all(panel.title in texts for panel in PANELS)
    assert any("abc1234" in text and "<2 cores>" in text for text in texts)


def test_labels_of_one_panel_do_not_lie_over_one_another() -> None:
    same = [row | {"value": 5.0} if "grpc" in row["name"] else row for row in results()]
    first = drawn(same).split("<g ")[1]
    heights = sorted(float(y) for y in re.findall(r'y="([\d.]+)" style="fill:', first))
    assert len(heights) == len(PANELS[0].lines)
    assert all(below - above >= 12 for above, below in itertools.pairwise(heights))


@pytest.mark.parametrize(("least", "step"), [(0.9, 1), (1.1, 2), (2.2, 2.5), (30, 50), (0.06, 0.1)])
def test_steps_of_scales_are_round(least: float, step: float) -> None:
    assert nice_step(least) == pytest.approx(step)


def test_people_are_told_in_thousands() -> None:
    assert [thousands(count) for count in (962, 9_659, 37_700, 200_000)] == ["962", "9.66k", "37.7k", "200k"]
