"""A run of the platform with real stores and tiny processes instead of the services, for tests to start and kill."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from dev.banner import DemoSignIn
from dev.endpoints import Endpoints
from dev.errors import DevError
from dev.run import Plan, run_platform
from dev.settings import parse_settings
from dev.supervisor.specs import Completed, ProcessSpec, ReadyEvent
from dev.supervisor.supervisor import Patience

TINY = str(Path(__file__).resolve().parents[2] / "unit" / "dev" / "tiny_server.py")


def table(_endpoints: Endpoints) -> list[ProcessSpec]:
    return [
        ProcessSpec(name="task", command=(sys.executable, TINY, "task"), ready=Completed()),
        ProcessSpec(name="worker", command=(sys.executable, "-u", TINY, "ready"), ready=ReadyEvent(), after=("task",)),
        ProcessSpec(
            name="stone", command=(sys.executable, "-u", TINY, "stubborn"), ready=ReadyEvent(), after=("task",)
        ),
    ]


def _worker(name: str, role: str) -> ProcessSpec:
    return ProcessSpec(name=name, command=(sys.executable, "-u", TINY, role), ready=ReadyEvent(), after=("task",))


async def fill(_endpoints: Endpoints, say: Callable[[str], None]) -> DemoSignIn:
    say("filled")
    return DemoSignIn(phone="+201000000001", password="secret", people=1, posts=1)


if __name__ == "__main__":
    try:
        run_platform(
            parse_settings(os.environ), os.environ, Plan(table=table, fill=fill, patience=Patience(drain_s=1.0))
        )
    except DevError as error:
        sys.exit(f"REFUSED {error}")
