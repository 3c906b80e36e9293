"""Stores for tests: embedded ones started on demand, or the servers that TEST_*_URL name."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import psutil

from dev.ports import free_port, is_free
from dev.stores.errors import StoreError
from dev.stores.postgres_admin import PostgresAdmin
from dev.stores.postgres_server import EmbeddedPostgres, PostgresSettings
from dev.stores.redis_server import EmbeddedRedis, RedisSettings
from services.chassis.postgres import PostgresPool

PREFIX = "daira-test-"
ROOT = Path(__file__).resolve().parents[1]
PORT_ATTEMPTS = 5
Server = TypeVar("Server", EmbeddedPostgres, EmbeddedRedis)

# Keys for processes under test; they open nothing outside of it.
SERVICE_SETTINGS = {
    "PAGE_TOKEN_KEY": "tests-only-page-token-key-0123456789abcdef",
    "DAIRA_ENV": "test",
}


def make_folder() -> Path:
    """A data folder for this process; /tmp and not pytest's, which `nobody` (PostgreSQL under root) may not enter."""
    remove_abandoned_folders()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir="/tmp"))
    folder.chmod(0o711)
    return folder


def remove_abandoned_folders() -> None:
    """Remove the folders of test processes that were killed before they could."""
    for folder in Path("/tmp").glob(f"{PREFIX}*"):  # noqa: S108 - only our own prefix
        pid = folder.name.removeprefix(PREFIX).split("-", 1)[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def start_postgres(folder: Path, name: str = "postgres", *, durable: bool = False) -> EmbeddedPostgres:
    """A fresh PostgreSQL server on a free port; fsync off unless `durable` (SIGKILL loses nothing either way)."""
    named = os.environ.get("DAIRA_POSTGRES_BIN")
    settings = PostgresSettings(
        data=folder / name, port=0, durable=durable, shared_buffers="64MB", bin_folder=Path(named) if named else None
    )
    return _start(lambda port: EmbeddedPostgres(replace(settings, port=port)))


def start_redis(folder: Path, name: str = "redis", *, persistent: bool = False) -> EmbeddedRedis:
    """A fresh Redis server on a free port; keeps nothing on disk unless `persistent`."""
    named = os.environ.get("DAIRA_REDIS_SERVER")
    settings = RedisSettings(data=folder / name, port=0, persistent=persistent, program=Path(named) if named else None)
    return _start(lambda port: EmbeddedRedis(replace(settings, port=port)))


class PostgresForTests:
    """A server that gives databases of their own to tests: `url` is the administrator's."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.admin = PostgresAdmin(url)
        self._templates: dict[str, str] = {}

    def create(self, label: str, template: str | None = None) -> tuple[str, str]:
        """A new database; returns its name and URL."""
        name = f"t_{label}_{os.getpid()}_{secrets.token_hex(4)}"
        return name, self.admin.create_database(name, template=template)

    def migrated_template(self, service: str) -> str:
        """The name of a database with the service's migrations applied, made once per test process."""
        if service not in self._templates:
            name, url = self.create(f"template_{service}")
            result = subprocess.run(
                [sys.executable, "-m", f"services.{service}.migrate"],
                cwd=ROOT,
                env=os.environ | SERVICE_SETTINGS | {f"{service.upper()}_DATABASE_URL": url},
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            if result.returncode != 0:
                raise RuntimeError(f"services.{service}.migrate failed:\n{result.stdout}\n{result.stderr}")
            self._templates[service] = name
        return self._templates[service]

    def close(self) -> None:
        """Drop the templates and close the administrator's connection."""
        for name in self._templates.values():
            self.admin.drop_database(name)
        self.admin.close()


_NEIGHBOURS_SQL = """
    SELECT pid, backend_xid::text FROM pg_stat_activity
    WHERE backend_xid IS NOT NULL AND datname <> current_database()
"""


async def outlast_neighbours(pool: PostgresPool) -> None:
    """Return once what is being written now in other databases of the server has ended.

    Relays and sealers leave alone what is not below every running transaction, and a snapshot knows no databases.
    """
    running = set(await pool.fetch(_NEIGHBOURS_SQL))
    while running & set(await pool.fetch(_NEIGHBOURS_SQL)):
        pass


def _start(make: Callable[[int], Server]) -> Server:
    # Between choosing a port and binding it another process may take it; then take another.
    for attempt in range(PORT_ATTEMPTS):
        server = make(free_port())
        try:
            server.start()
        except StoreError:
            server.stop()
            if attempt + 1 == PORT_ATTEMPTS or is_free(server.settings.port):
                raise
        else:
            return server
    raise AssertionError("unreachable")
