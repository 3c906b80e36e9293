"""`python -m bench.size_plot`: bench/results-sizes.json as six small plots in bench/sizes.svg."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from bench.results import ROOT
from bench.targets import SIZES

RESULTS = ROOT / "bench" / "results-sizes.json"
PLOT = ROOT / "bench" / "sizes.svg"

# Pixels: one plot with its margins, and the whole.
WIDE, HIGH = 430, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 142, 36, 40
COLUMNS = 2
HEAD = 66
TICKS = 4
# Apart, or two labels cannot be read.
LABEL_GAP = 13
# Okabe and Ito's colours, told apart by everybody.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#7f4f9b")
STYLE = """
text { font-family: system-ui, 'Segoe UI', 'Noto Sans', sans-serif; font-size: 11px; fill: #24292f }
.head { font-size: 16px; font-weight: 600 } .title { font-size: 12.5px; font-weight: 600 } .dim { fill: #57606a }
.axis { stroke: #8c959f; stroke-width: 1 } .grid { stroke: #d8dee4; stroke-width: 1 }
"""


@dataclass(frozen=True)
class Panel:
    """One plot: its title with the unit, and figures by the label of their line; names without "sizes.SIZE."."""

    title: str
    lines: Mapping[str, str]


PANELS = (
    Panel(
        "Warm feed over gRPC, ms",
        {
            "p99, 4 clients": "grpc.clients.4.p99_ms",
            "p50, 4 clients": "grpc.clients.4.p50_ms",
            "p99, 1 client": "grpc.clients.1.p99_ms",
            "p50, 1 client": "grpc.clients.1.p50_ms",
        },
    ),
    Panel(
        "First feed after losing caches, ms",
        {"p99, and restarted": "restart.p99_ms", "p99, Redis empty": "cold.p99_ms", "p50, Redis empty": "cold.p50_ms"},
    ),
    Panel("Ranking in the extension, ms a page", {"mean": "rank_ms"}),
    Panel("Social ready after a restart, s", {"seconds": "restart.ready_s"}),
    Panel("Memory, MiB", {"social": "social_mib", "its feature table": "table_mib", "Redis": "redis_mib"}),
    Panel(
        "Processor time a feed at 4 clients, ms",
        {
            "social": "grpc.clients.4.cpu.social_ms",
            "PostgreSQL": "grpc.clients.4.cpu.postgres_ms",
            "Redis": "grpc.clients.4.cpu.redis_ms",
        },
    ),
)


@dataclass(frozen=True)
class Point:
    """One figure at one size: people, median, least and greatest of its runs."""

    people: float
    median: float
    low: float
    high: float


def main() -> None:
    """Draws what results-sizes.json holds."""
    PLOT.write_text(drawn(json.loads(RESULTS.read_text("utf-8"))), "utf-8")
    print(PLOT.relative_to(ROOT))


def drawn(results: Sequence[Mapping[str, Any]]) -> str:
    """The SVG of all panels."""
    by_name = {entry["name"]: entry for entry in results}
    sizes = [size for size in SIZES if f"sizes.{size}.people" in by_name]
    rows = math.ceil(len(PANELS) / COLUMNS)
    width, height = COLUMNS * WIDE, HEAD + rows * HIGH
    any_entry = by_name[f"sizes.{sizes[0]}.people"]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f'<style>{STYLE}</style><rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(16, 26, "What a feed costs as the graph grows", "head"),
        _text(16, 45, f"medians, bars from least to greatest · {any_entry['machine']} · {any_entry['commit']}", "dim"),
    ]
    for number, panel in enumerate(PANELS):
        x, y = number % COLUMNS * WIDE, HEAD + number // COLUMNS * HIGH
        lines = {label: _points(by_name, sizes, name) for label, name in panel.lines.items()}
        parts += [f'<g transform="translate({x} {y})">', *_panel(panel.title, lines), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _points(by_name: Mapping[str, Mapping[str, Any]], sizes: Sequence[str], name: str) -> list[Point]:
    points = []
    for size in sizes:
        entry = by_name.get(f"sizes.{size}.{name}")
        if entry:
            people = by_name[f"sizes.{size}.people"]["value"]
            points.append(Point(people, entry["value"], entry["runs"]["min"], entry["runs"]["max"]))
    return points


def _panel(title: str, lines: Mapping[str, Sequence[Point]]) -> list[str]:
    points = [point for line in lines.values() for point in line]
    step = nice_step(max(point.high for point in points) / TICKS)
    ceiling = step * math.ceil(max(point.high for point in points) / step)
    people = sorted({point.people for point in points})
    first, last = math.log(people[0] / 1.3), math.log(people[-1] * 1.15)

    def x_of(count: float) -> float:
        return LEFT + (math.log(count) - first) / (last - first) * (WIDE - LEFT - RIGHT)

    def y_of(value: float) -> float:
        return HIGH - BOTTOM - value / ceiling * (HIGH - TOP - BOTTOM)

    parts = [_text(LEFT, TOP - 14, title, "title")]
    for tick in range(round(ceiling / step) + 1):
        y = y_of(tick * step)
        parts.append(
            f'<line class="{"grid" if tick else "axis"}" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(_text(LEFT - 6, y + 4, f"{tick * step:g}", "dim", "end"))
    parts += [_text(x_of(count), HIGH - BOTTOM + 16, thousands(count), "dim", "middle") for count in people]
    parts.append(_text((LEFT + WIDE - RIGHT) / 2, HIGH - BOTTOM + 30, "people", "dim", "middle"))
    labels = _apart([(y_of(line[-1].median), label) for label, line in lines.items() if line])
    for number, (label, line) in enumerate(lines.items()):
        if line:
            places = [(x_of(point.people), point) for point in line]
            parts += _line([(x, y_of(p.median), y_of(p.low), y_of(p.high)) for x, p in places], COLOURS[number])
            value = f"{label}: {shown(line[-1].median)}" if len(lines) > 1 else shown(line[-1].median)
            at = f'x="{places[-1][0] + 9:.1f}" y="{labels[label] + 4:.1f}"'
            parts.append(f'<text {at} style="fill:{COLOURS[number]}">{escape(value)}</text>')
    return parts


def _line(places: Sequence[tuple[float, float, float, float]], colour: str) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in places)
    marks = [
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{colour}" stroke-opacity="0.55"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
        for x, y, low, high in places
    ]
    return [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>', *marks]


def _apart(wanted: Sequence[tuple[float, str]]) -> dict[str, float]:
    """Heights of labels near those wanted, none over another and none below the axis."""
    lowest = HIGH - BOTTOM - LABEL_GAP * (len(wanted) - 1)
    placed: dict[str, float] = {}
    above = -math.inf
    for height, label in sorted(wanted):
        above = max(above + LABEL_GAP, min(height, lowest + LABEL_GAP * len(placed)))
        placed[label] = above
    return placed


def nice_step(least: float) -> float:
    """The least of 1, 2, 2.5 and 5 times a power of ten that is not below a positive number."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= least)


def shown(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def thousands(count: float) -> str:
    """9,659 as 9.7k."""
    return f"{count / 1000:.3g}k" if count >= 1000 else f"{count:.0f}"


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


if __name__ == "__main__":
    main()
