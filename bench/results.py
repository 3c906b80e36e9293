"""Results of a run: collected, printed beside their targets, merged into results.json."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.targets import TARGETS

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results.json"
# A figure of a load that is taken for several numbers of clients.
SWEPT = re.compile(r"(?P<load>.+)\.clients\.(?P<clients>\d+)\.(?P<figure>.+)")


@dataclass(frozen=True)
class Measurement:
    """One figure: its runs in the unit that targets.py names, and the baseline's median where one ran beside it."""

    name: str
    runs: tuple[float, ...]
    baseline: float | None = None
    load_before: float = 0.0  # the machine's load average over a minute before the scenario began

    @property
    def value(self) -> float:
        """The median of the runs."""
        return statistics.median(self.runs)


def measured(name: str, runs: Sequence[float], baseline: float | None = None) -> Measurement:
    """A measurement of a name that targets.py knows; raises KeyError on another."""
    if name not in TARGETS:
        raise KeyError(f"{name} is not in bench/targets.py")
    return Measurement(name, tuple(runs), baseline)


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(values)
    rank = max(0, min(len(ordered) - 1, round(percent / 100 * len(ordered) + 0.5) - 1))
    return ordered[rank]


def machine() -> str:
    """Processor, cores and memory of this machine in one line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, Python {platform.python_version()}"


def commit() -> str:
    """The commit measured, marked when the tree differs from it."""
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if head.returncode != 0:
        return "unknown"
    sources = ["services", "gateway", "native", "protos", "dev"]
    dirty = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", *sources], cwd=ROOT, check=False).returncode != 0
    return head.stdout.strip() + ("+changes" if dirty else "")


def write(measurements: Sequence[Measurement], path: Path = RESULTS) -> None:
    """Replaces the entries of the same names in results.json and keeps the others."""
    kept = json.loads(path.read_text("utf-8")) if path.exists() else []
    fresh = {
        m.name: {
            "name": m.name,
            "value": round(m.value, 4),
            "unit": TARGETS[m.name].unit,
            "baseline": None if m.baseline is None else round(m.baseline, 4),
            "target": str(TARGETS[m.name]) or None,
            "runs": {
                "min": round(min(m.runs), 4),
                "median": round(m.value, 4),
                "max": round(max(m.runs), 4),
                "count": len(m.runs),
            },
            "load_before": round(m.load_before, 2),
            "machine": machine(),
            "commit": commit(),
        }
        for m in measurements
    }
    merged = {entry["name"]: entry for entry in kept} | fresh
    ordered = [merged[name] for name in TARGETS if name in merged]
    path.write_text(json.dumps(ordered, ensure_ascii=False, indent=2) + "\n", "utf-8")


def show(measurements: Sequence[Measurement], console: Console) -> None:
    """Prints the table: median, spread, baseline, target, and whether it is met; sweeps over clients by themselves."""
    table = Table(title=f"{machine()} · commit {commit()}", title_justify="left")
    for column in ("figure", "median", "min … max", "baseline", "target", ""):
        table.add_column(column, justify="right" if column in {"median", "min … max", "baseline"} else "left")
    sweeps: dict[str, list[Measurement]] = {}
    for m in measurements:
        swept = SWEPT.match(m.name)
        if swept:
            sweeps.setdefault(swept["load"], []).append(m)
            continue
        target = TARGETS[m.name]
        met = target.met_by(m.value)
        verdict = "" if met is None else ("[green]met[/]" if met else "[red]missed[/]")
        baseline = "" if m.baseline is None else f"{m.baseline:.4g} {target.beside}"
        spread = f"{min(m.runs):.4g} … {max(m.runs):.4g}"
        table.add_row(m.name, f"{m.value:.4g} {target.unit}", spread, baseline, str(target), verdict)
    if table.row_count:
        console.print(table)
    for load, swept_figures in sweeps.items():
        _show_sweep(load, swept_figures, console)


def _show_sweep(load: str, figures: Sequence[Measurement], console: Console) -> None:
    """Medians, a row for each number of clients; processor time in milliseconds a call."""
    rows: dict[str, dict[str, float]] = {}
    for m in figures:
        swept = SWEPT.match(m.name)
        if swept:
            rows.setdefault(swept["clients"], {})[swept["figure"].removesuffix("_ms").replace("cpu.", "cpu ")] = m.value
    table = Table("clients", *(next(iter(rows.values()))), title=f"{load} by clients: medians", title_justify="left")
    for clients, values in rows.items():
        table.add_row(clients, *(f"{value:.3g}" for value in values.values()))
    console.print(table)
