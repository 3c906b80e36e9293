"""`python -m bench`: runs the scenarios one after another, prints the figures and writes results.json."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import os
import sys
import traceback
from collections.abc import Callable

import click
from rich.console import Console

from bench.platform import Platform
from bench.results import Measurement, show, write

# Scenarios of one process first, then those that need the whole platform; each module has run() or run(platform).
ALONE = ("rank", "features", "fanout", "memory", "tokens", "gateway_plan", "auth_rates", "auth_lag", "auth_timing",
         "saga_takeover")  # fmt: skip
ON_PLATFORM = ("feed", "posts", "tips", "auth", "bulkhead")
# Those that can be run small, to see that they run.
QUICK = ("tokens", "auth_rates", "auth_lag", "auth_timing")


def scenario(name: str) -> Callable[..., list[Measurement]]:
    """The run function of bench/scenarios/<name>.py."""
    run: Callable[..., list[Measurement]] = importlib.import_module(f"bench.scenarios.{name}").run
    return run


@click.command()
@click.option(
    "--only", type=click.Choice([*ALONE, *ON_PLATFORM]), multiple=True, help="Run only this part; may be repeated."
)
@click.option("--quick", is_flag=True, help=f"Only see that {', '.join(QUICK)} run: figures are worth nothing.")
def main(only: tuple[str, ...], *, quick: bool) -> None:
    """Measure, print beside the targets, write bench/results.json."""
    console = Console(width=160)
    wanted = only or (*ALONE, *ON_PLATFORM)
    if quick:
        wanted = tuple(name for name in wanted if name in QUICK)
    collected: list[Measurement] = []
    failures: list[str] = []

    def attempt(name: str, call: Callable[[], list[Measurement]]) -> None:
        load = os.getloadavg()[0]
        console.rule(f"{name} (load average before: {load:.1f})")
        try:
            figures = [dataclasses.replace(one, load_before=load) for one in call()]
        except Exception:  # noqa: BLE001 - one broken scenario must not lose the figures of the others
            failures.append(name)
            console.print(traceback.format_exc(), markup=False, style="red")
            return
        show(figures, console)
        collected.extend(figures)

    for name in (name for name in ALONE if name in wanted):
        attempt(name, functools.partial(scenario(name), quick=True) if quick else scenario(name))
    on_platform = [name for name in ON_PLATFORM if name in wanted]
    if on_platform:
        with Platform.started(console) as platform:
            for name in on_platform:
                attempt(name, lambda name=name: scenario(name)(platform))  # type: ignore[misc]
    if collected and not quick:
        write(collected)
    if failures:
        console.print(f"failed: {', '.join(failures)}", style="bold red")
        sys.exit(1)


if __name__ == "__main__":
    main()
