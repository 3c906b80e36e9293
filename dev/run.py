"""`daira run`: stores, migrations, processes, demo and banner, until a signal drains it all."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import TypeVar

import psutil

from dev.banner import DemoSignIn, banner
from dev.demo.filling import fill_demo
from dev.endpoints import Endpoints, gather, needs_postgres, needs_redis
from dev.home import Home, RecordedProcess, is_alive
from dev.ports import PortClaims
from dev.processes import process_table
from dev.settings import DEFAULT_PORTS, ROOT, DevSettings
from dev.stores.embedded import EmbeddedStores
from dev.supervisor.console import Console
from dev.supervisor.port_plan import plan_ports
from dev.supervisor.specs import ProcessSpec
from dev.supervisor.supervisor import Patience, Supervisor

LEFTOVER_PATIENCE_S = 10.0
STORE_CHECK_S = 1.0
Result = TypeVar("Result")
# Passed on to the processes; everything else they get is in the process table, so nothing leaks in by accident.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "NO_COLOR", "FORCE_COLOR")


@dataclass(frozen=True)
class Plan:
    """What is run: the process table, and what fills an empty platform (returns the sign-in for the banner)."""

    patience: Patience = field(default_factory=Patience)

    table: Callable[[Endpoints], list[ProcessSpec]] = process_table
    fill: Callable[[Endpoints, Callable[[str], None]], Coroutine[None, None, DemoSignIn]] = fill_demo


def run_platform(settings: DevSettings, environment: Mapping[str, str], plan: Plan | None = None) -> None:
    """Run until a signal; raises DevError when something does not start, after everything was ended again."""
    signal.signal(signal.SIGTERM, _interrupt)
    home = Home(settings.home)
    with home.hold():
        console = Console([])
        _end_leftovers(home, console)
        secrets = home.secrets()
        claims = PortClaims()
        ports, told = plan_ports(_ports_needed(settings), settings.named_ports, claims)
        for sentence in told:
            console.system(sentence)
        stores = EmbeddedStores(settings, home, ports, secrets)
        try:
            stores.start(console.system)
            home.record(stores.records())
            endpoints = gather(
                settings,
                ports,
                secrets,
                postgres_url=stores.postgres.url if stores.postgres else "",
                redis_url=stores.redis.url if stores.redis else "",
            )
            home.write_endpoints(endpoints.as_settings())
            asyncio.run(_run_processes(settings, home, stores, endpoints, environment, plan or Plan()))
        except KeyboardInterrupt:
            console.system("interrupted")
        finally:
            stores.stop()
            home.record([])
            claims.release()
        console.system("everything has ended")


async def _run_processes(
    settings: DevSettings,
    home: Home,
    stores: EmbeddedStores,
    endpoints: Endpoints,
    environment: Mapping[str, str],
    plan: Plan,
) -> None:
    specs = plan.table(endpoints)
    console = Console([spec.name for spec in specs], everything=settings.log_everything)
    console.shows_calls = False

    def record(children: list[RecordedProcess]) -> None:
        home.record([*stores.records(), *children])

    supervisor = Supervisor(
        specs,
        console=console,
        folder=ROOT,
        environment={name: environment[name] for name in PASSED_ON if name in environment},
        record=record,
        patience=plan.patience,
    )
    began = time.monotonic()
    with supervisor.signals_handled():
        try:
            await supervisor.start()
            sign_in = None
            if settings.demo and not supervisor.stop_requested.is_set():
                sign_in = await _unless_stopped(supervisor, plan.fill(endpoints, console.system))
            if not supervisor.stop_requested.is_set():
                console.banner(banner(endpoints, sign_in, time.monotonic() - began, colours=console.colours))
                console.shows_calls = True
                await _watch_stores(supervisor, stores, console)
        finally:
            await supervisor.drain()


async def _watch_stores(supervisor: Supervisor, stores: EmbeddedStores, console: Console) -> None:
    while not supervisor.stop_requested.is_set():
        # In this thread and not another: a store dies with the thread that started it.
        if stores.start_again(console.system):
            supervisor.record()
        try:
            await asyncio.wait_for(supervisor.stop_requested.wait(), STORE_CHECK_S)
        except TimeoutError:
            continue


async def _unless_stopped(supervisor: Supervisor, work: Coroutine[None, None, Result]) -> Result | None:
    """The result of the work, or None when a signal came first."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(supervisor.stop_requested.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


def _ports_needed(settings: DevSettings) -> list[str]:
    unneeded = set()
    if not needs_postgres(settings):
        unneeded.add("POSTGRES_PORT")
    if not needs_redis(settings):
        unneeded.add("REDIS_PORT")
    return [name for name in DEFAULT_PORTS if name not in unneeded]


def _end_leftovers(home: Home, console: Console) -> None:
    """End what a killed run left: on Linux it is ending already, elsewhere nobody has told it yet."""
    left = home.recorded()
    if not left:
        return
    console.system(f"the last run was killed; ending what it left: {', '.join(record.name for record in left)}")
    for record in left:
        _signal(record, signal.SIGINT if record.name == "postgres" else signal.SIGTERM)
    deadline = time.monotonic() + LEFTOVER_PATIENCE_S
    while any(is_alive(record) for record in left) and time.monotonic() < deadline:
        time.sleep(0.05)
    for record in left:
        _signal(record, signal.SIGKILL)


def _signal(record: RecordedProcess, number: signal.Signals) -> None:
    if is_alive(record):
        with contextlib.suppress(psutil.Error):
            psutil.Process(record.pid).send_signal(number)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
