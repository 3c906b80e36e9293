"""`daira run` with a border of fan-in that small communities of tests reach: `python -m tests.e2e.lowered_border`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from dev.endpoints import Endpoints
from dev.errors import DevError
from dev.processes import process_table
from dev.run import Plan, run_platform
from dev.settings import parse_settings
from dev.supervisor.specs import ProcessSpec

BORDER = "SOCIAL_FAN_IN_THRESHOLD"


def with_border(specs: Sequence[ProcessSpec], followers: int) -> list[ProcessSpec]:
    """The same processes; authors with so many followers are merged at read."""
    return [replace(spec, env={**spec.env, BORDER: str(followers)}) if BORDER in spec.env else spec for spec in specs]


def table(endpoints: Endpoints) -> list[ProcessSpec]:
    """The process table of `daira run` with the border that the environment names."""
    return with_border(process_table(endpoints), int(os.environ[BORDER]))


if __name__ == "__main__":
    try:
        run_platform(parse_settings(os.environ), os.environ, Plan(table=table))
    except DevError as error:
        sys.exit(f"{error.problem}\n  {error.remedy}")
