"""`daira run` with services that soon miss auth's word: `python -m tests.e2e.short_memory`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from dev.endpoints import Endpoints
from dev.errors import DevError
from dev.processes import process_table
from dev.run import Plan, run_platform
from dev.settings import parse_settings
from dev.supervisor.specs import ProcessSpec

PASSED_ON = ("REVOCATION_POLL_S", "REVOCATION_STALE_AFTER_S")


def table(endpoints: Endpoints) -> list[ProcessSpec]:
    """The process table of `daira run` with the patience that the environment names."""
    patience = {name: os.environ[name] for name in PASSED_ON}
    return [replace(spec, env={**spec.env, **patience}) for spec in process_table(endpoints)]


if __name__ == "__main__":
    try:
        run_platform(parse_settings(os.environ), os.environ, Plan(table=table))
    except DevError as error:
        sys.exit(f"{error.problem}\n  {error.remedy}")
