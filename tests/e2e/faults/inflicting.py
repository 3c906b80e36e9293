"""The faults: each is inflicted for some seconds on a platform under load, and healed before the function returns."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.faults.platform import REPLICAS, WORKERS
from tests.e2e.faults.site import Site, frozen, wait_until
from tests.e2e.faults.written_by_hand import UNREADABLE, connected, write_poison

EVERY_S = 0.1
BYSTANDERS = ("auth", "analytics")
CUT_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()
"""


def nothing(_site: Site, seconds: float) -> None:
    """Only the load."""
    time.sleep(seconds)


def redis_killed(site: Site, seconds: float) -> None:
    """SIGKILL whenever it is up; it comes back with its data."""
    site.end_again_and_again("redis", signal.SIGKILL, seconds)


def redis_flushed(site: Site, seconds: float) -> None:
    """FLUSHALL, about once a second."""
    times = max(2, round(seconds))
    with site.redis() as client:
        for _ in range(times):
            client.flushall()
            time.sleep(seconds / times)


def redis_replaced_by_an_empty_one(site: Site, seconds: float) -> None:
    """Killed, and another without data in its place."""
    _replace_redis(site, None)
    time.sleep(seconds)


def redis_back_in_time(site: Site, seconds: float) -> None:
    """Killed, and another in its place with the data of some seconds ago, as a replica that lagged has them."""
    older = _append_only_file(site).with_suffix(".older")
    shutil.copyfile(_append_only_file(site), older)
    time.sleep(seconds / 2)
    # What is pushed again must not stumble over what was put aside the first time.
    asyncio.run(write_poison(site, [UNREADABLE]))
    time.sleep(seconds / 2)
    _replace_redis(site, older)
    time.sleep(1.0)


def redis_frozen(site: Site, seconds: float) -> None:
    """SIGSTOP: connections stay open and nobody answers; what was sent meanwhile is done afterwards."""
    with frozen(site.with_children("redis")):
        time.sleep(seconds)


def redis_full(site: Site, seconds: float) -> None:
    """Not a byte of memory left: reads are answered, writes are refused."""
    with site.redis() as client:
        client.config_set("maxmemory", 1)
        try:
            time.sleep(seconds)
        finally:
            client.config_set("maxmemory", 0)


def one_social_killed(site: Site, seconds: float) -> None:
    """SIGKILL to one replica, again when it is back."""
    _kill_replicas(site, REPLICAS[:1], seconds)


def all_social_killed(site: Site, seconds: float) -> None:
    """SIGKILL to both replicas at once, in the middle of whatever they do."""
    _kill_replicas(site, REPLICAS, seconds)


def one_social_frozen(site: Site, seconds: float) -> None:
    """SIGSTOP to one replica."""
    with frozen(site.with_children(REPLICAS[1])):
        time.sleep(seconds)


def all_social_frozen(site: Site, seconds: float) -> None:
    """SIGSTOP to both."""
    with frozen([process for name in REPLICAS for process in site.with_children(name)]):
        time.sleep(seconds)


def relay_and_fan_out_killed(site: Site, seconds: float) -> None:
    """SIGKILL to both every 100 ms."""
    _kill_workers(site, WORKERS[:2], seconds)


def projector_killed(site: Site, seconds: float) -> None:
    """SIGKILL every 100 ms."""
    _kill_workers(site, WORKERS[2:], seconds)


def postgres_stopped(site: Site, seconds: float) -> None:
    """Immediate shutdown (SIGQUIT: nothing is written down, the log is recovered), whenever it is up."""
    site.end_again_and_again("postgres", signal.SIGQUIT, seconds)


def postgres_frozen(site: Site, seconds: float) -> None:
    """SIGSTOP to the server and every backend."""
    with frozen(site.with_children("postgres")):
        time.sleep(seconds)


def postgres_connections_cut(site: Site, seconds: float) -> None:
    """Every session of social ended by the server, several times a second."""
    asyncio.run(_cut_connections(site, seconds))


def postgres_read_only(site: Site, seconds: float) -> None:
    """As after a failover to a standby that is not promoted yet."""
    asyncio.run(_refuse_writes(site, seconds))


def posts_locked(site: Site, seconds: float) -> None:
    """Somebody holds the whole table of posts, as a careless migration does."""
    asyncio.run(_lock_posts(site, seconds))


def auth_and_analytics_killed(site: Site, seconds: float) -> None:
    """SIGKILL to both whenever they are up: feeds need neither."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for name in BYSTANDERS:
            with contextlib.suppress(LookupError, ProcessLookupError):
                site.platform.kill(name)
        time.sleep(EVERY_S)
    site.until_up(*BYSTANDERS)


def everything_killed(site: Site, seconds: float) -> None:
    """Stores, replicas and workers at one moment, as when a machine is gone."""
    for store, number in (("postgres", signal.SIGQUIT), ("redis", signal.SIGKILL)):
        os.kill(site.platform.pid(store), number)
    for replica in REPLICAS:
        site.platform.kill(replica)
    for worker in WORKERS:
        site.kill_lives(worker)
    site.until_up("postgres", "redis", *REPLICAS, *WORKERS)
    time.sleep(seconds / 2)


async def _cut_connections(site: Site, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    async with connected(site) as connection:
        while time.monotonic() < deadline:
            await connection.execute(CUT_OTHERS)
            await asyncio.sleep(EVERY_S * 3)


async def _refuse_writes(site: Site, seconds: float) -> None:
    async with connected(site) as connection:
        await connection.execute("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on")
        await connection.execute(CUT_OTHERS)
        try:
            await asyncio.sleep(seconds)
        finally:
            await connection.execute("ALTER ROLE CURRENT_USER RESET default_transaction_read_only")
            await connection.execute(CUT_OTHERS)


async def _lock_posts(site: Site, seconds: float) -> None:
    async with connected(site) as connection, connection.transaction():
        await connection.execute("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(seconds)


def _kill_replicas(site: Site, names: Sequence[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        site.until_up(*names)
        for name in names:
            site.platform.kill(name)
        time.sleep(max(0.5, seconds / 2))
    site.until_up(*names)


def _kill_workers(site: Site, names: Sequence[str], seconds: float) -> None:
    deadline, kills = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        for name in names:
            site.kill_lives(name)
            kills += 1
        time.sleep(EVERY_S)
    site.until_up(*names)
    assert kills > seconds


def _append_only_file(site: Site) -> Path:
    return site.platform.home / "redis" / "appendonly.aof"


def _replace_redis(site: Site, data: Path | None) -> None:
    """The file is exchanged under the running server, which goes on writing into the old one until it is killed."""
    if data:
        data.replace(_append_only_file(site))
    else:
        _append_only_file(site).unlink()
    killed = site.platform.pid("redis")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: site.platform.pids().get("redis", killed) != killed, "Redis was not started again")
