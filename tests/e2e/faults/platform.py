"""The platform that faults happen to: `python -m tests.e2e.faults.platform` instead of `daira run`.

The same processes over the same stores, but for this: social has two replicas, as it has in production; the workers
begin anew within milliseconds, so that they can be killed often and still come to work between two deaths; what
crashes is started again soon; and a dozen followers make an author one who is merged at read.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from dev.endpoints import Endpoints
from dev.errors import DevError
from dev.ports import LOOPBACK
from dev.processes import process_table
from dev.run import Plan, run_platform
from dev.settings import parse_settings
from dev.supervisor.specs import GrpcHealth, ProcessSpec
from dev.supervisor.supervisor import Patience
from tests.e2e.lowered_border import with_border

REPLICAS = ("social", "social-2")
WORKERS = ("social-relay", "social-fan-out", "social-projector")
SECOND_PORT = "FAULTS_SECOND_SOCIAL_PORT"
FAN_IN_THRESHOLD = 10


def table(endpoints: Endpoints) -> list[ProcessSpec]:
    """The process table of `daira run`, changed as this file says."""
    second = f"{LOOPBACK}:{os.environ[SECOND_PORT]}"
    both = f"ipv4:{endpoints.address('social')},{second}"
    specs: list[ProcessSpec] = []
    for spec in with_border(process_table(endpoints), FAN_IN_THRESHOLD):
        name, env = spec.name, dict(spec.env)
        if "SOCIAL_ADDRESS" in env:
            env["SOCIAL_ADDRESS"] = both
        changed = replace(spec, env=env)
        if name in WORKERS:
            changed = replace(changed, command=(sys.executable, "-m", "tests.e2e.faults.restless", spec.command[-1]))
        if name == "gateway":
            changed = replace(changed, after=(*spec.after, REPLICAS[1]))
        specs.append(changed)
        if name == REPLICAS[0]:
            env = {**env, "SOCIAL_LISTEN": second, "SOCIAL_METRICS_PORT": "0"}
            specs.append(replace(changed, name=REPLICAS[1], env=env, ready=GrpcHealth(second)))
    return specs


if __name__ == "__main__":
    try:
        plan = Plan(table=table, patience=Patience(first_backoff_s=0.2, longest_backoff_s=0.5))
        run_platform(parse_settings(os.environ), os.environ, plan)
    except DevError as error:
        sys.exit(f"{error.problem}\n  {error.remedy}")
