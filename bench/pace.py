"""How long and how often the figures of the platform are taken."""

from __future__ import annotations

import os

# BENCH_SECONDS and BENCH_ROUNDS make a run shorter while a scenario is worked on; figures are taken with the defaults.
SECONDS = float(os.environ.get("BENCH_SECONDS") or 4.0)
ROUNDS = int(os.environ.get("BENCH_ROUNDS") or 3)
