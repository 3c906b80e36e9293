"""A whole run on real stores: start, Ctrl-C, a second run, kill -9 and recovery; nothing is left behind."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from dev.ports import free_port

pytestmark = [pytest.mark.stores, pytest.mark.faults]
ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60.0


class Run:
    """A started run with its output."""

    def __init__(self, home: Path, **settings: str) -> None:
        environment = {"PATH": os.environ["PATH"], "DAIRA_HOME": str(home), "DAIRA_DEMO": "1", **settings}
        self.home = home
        self.log = home.with_name(f"{home.name}-{secrets.token_hex(3)}.log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.dev.tiny_platform"],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", errors="replace")

    def until_said(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.said:
            assert time.monotonic() < deadline, self.said
            assert self.process.poll() is None, self.said
            time.sleep(0.05)

    def until_up(self) -> None:
        self.until_said("Ctrl-C drains everything")

    def pids(self) -> set[int]:
        rows = json.loads((self.home / "processes.json").read_text("utf-8"))
        return {int(row["pid"]) for row in rows} | {self.process.pid}

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE_S)


def until_gone(pids: set[int]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while left := {pid for pid in pids if _is_alive(pid)}:
        assert time.monotonic() < deadline, [psutil.Process(pid).cmdline() for pid in left]
        time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def home(store_folder: Path) -> Iterator[Path]:
    folder = store_folder / f"home-{secrets.token_hex(3)}"
    folder.mkdir()
    yield folder
    for process in psutil.process_iter(["cmdline"]):
        assert not any(str(folder) in word for word in process.info["cmdline"] or []), process.info


def ports() -> dict[str, str]:
    names = (
        "GATEWAY_PORT",
        "AUTH_PORT",
        "PAYMENTS_PORT",
        "SOCIAL_PORT",
        "ANALYTICS_PORT",
        "SOCIAL_METRICS_PORT",
        "SANDBOX_PORT",
        "CALLBACKS_PORT",
        "POSTGRES_PORT",
        "REDIS_PORT",
    )
    return {name: str(free_port()) for name in names}


async def remember(home: Path, value: int | None) -> int:
    url = json.loads((home / "endpoints.json").read_text("utf-8"))["SOCIAL_DATABASE_URL"]
    connection = await asyncpg.connect(url)
    try:
        if value is not None:
            await connection.execute("CREATE TABLE remembered (n int)")
            await connection.execute("INSERT INTO remembered VALUES ($1)", value)
        return int(await connection.fetchval("SELECT n FROM remembered"))
    finally:
        await connection.close()


async def test_a_run_starts_drains_and_keeps_its_data(home: Path) -> None:
    first = Run(home, **ports())
    first.until_up()
    assert "+201000000001" in first.said
    await remember(home, 7)
    running = first.pids()
    assert first.end() == 0, first.said
    until_gone(running)
    assert "everything has ended" in first.said

    second = Run(home, **ports())
    second.until_up()
    assert await remember(home, None) == 7
    assert second.end(signal.SIGTERM) == 0
    until_gone(running)


async def test_a_second_run_is_refused_and_the_first_goes_on(home: Path) -> None:
    first = Run(home, **ports())
    first.until_up()
    second = Run(home, **ports())
    assert second.process.wait(timeout=PATIENCE_S) == 1
    assert f"REFUSED DAIRA already runs from {home}: pid {first.process.pid}" in second.said
    assert first.process.poll() is None
    first.end()


async def test_a_killed_run_leaves_nothing_and_the_next_recovers(home: Path) -> None:
    first = Run(home, **ports())
    first.until_up()
    await remember(home, 11)
    running = first.pids()
    grandchild = int(first.said.split("grandchild ")[1].split()[0])
    first.end(signal.SIGKILL)

    second = Run(home, **ports())
    second.until_up()
    until_gone(running)
    assert await remember(home, None) == 11
    second.end()
    psutil.Process(grandchild).kill()


async def test_a_store_that_dies_comes_back(home: Path) -> None:
    run = Run(home, **ports())
    run.until_up()
    rows = json.loads((home / "processes.json").read_text("utf-8"))
    redis = next(row["pid"] for row in rows if row["name"] == "redis")
    os.kill(redis, signal.SIGKILL)
    run.until_said("redis ended by itself; starting it again")
    run.end()


async def test_a_taken_port_named_by_hand_is_refused(home: Path) -> None:
    named = ports()
    first = Run(home, **named)
    first.until_up()
    other = home.with_name(f"{home.name}-other")
    second = Run(other, **(ports() | {"POSTGRES_PORT": named["POSTGRES_PORT"]}))
    assert second.process.wait(timeout=PATIENCE_S) == 1
    assert f"POSTGRES_PORT={named['POSTGRES_PORT']} is taken by pid" in second.said
    assert "postgres" in second.said
    first.end()


async def test_a_damaged_data_folder_ends_the_run_with_one_message(home: Path) -> None:
    first = Run(home, **ports())
    first.until_up()
    first.end()
    (home / "postgres" / "PG_VERSION").unlink()
    second = Run(home, **ports())
    assert second.process.wait(timeout=PATIENCE_S) == 1
    assert "REFUSED The PostgreSQL data folder" in second.said
    assert "Traceback" not in second.said
