"""`python -m bench --quick` runs what is measured of auth, reports its figures and leaves the results alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.results import RESULTS
from tests.stores import ROOT

REPORTED = [
    "auth.verify.rps_per_core",
    "auth.verify.remembered_rps_per_core",
    "auth.sign_in by clients",
    "auth.refresh by clients",
    "auth.loop_lag.idle.p99_ms",
    "auth.loop_lag.full.max_ms",
    "auth.loop_lag.flood.refused_percent",
    "auth.timing.sign_in.rank_p",
    "auth.timing.code_request.ks_p",
    "auth.timing.code_redeem.cliffs_delta",
]


@pytest.mark.timeout(240)
def test_the_quick_bench_runs_and_reports() -> None:
    before = RESULTS.read_bytes()
    command = [sys.executable, "-m", "bench", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for figure in REPORTED:
        assert figure in done.stdout
    assert "commit" in done.stdout
    assert RESULTS.read_bytes() == before
