"""A PostgreSQL server as our own child process: made, started, stopped, killed.

The wheel's own server class is not used: under root it adds a user to the system.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from dev.child import Account, end, spawn
from dev.ports import LOOPBACK, is_free, owner_of
from dev.stores import postgres_data
from dev.stores.errors import StoreError
from dev.stores.postgres_binaries import find_binaries, require_reachable_server, server_account
from dev.stores.postgres_data import SUPERUSER

START_PATIENCE_S = 60.0
POLL_S = 0.02
SOCKET_PATH_LIMIT = 80


@dataclass(frozen=True)
class PostgresSettings:
    """How one server runs. `password` None means trust; `durable` False turns fsync off (tests kill no machine)."""

    data: Path
    port: int
    password: str | None = None
    durable: bool = True
    shared_buffers: str = "256MB"
    max_connections: int = 200
    bin_folder: Path | None = None


class EmbeddedPostgres:
    """One server in one data folder. Start it from the main thread: it ends with the thread that started it."""

    def __init__(self, settings: PostgresSettings) -> None:
        self.settings = settings
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The superuser's URL of database `postgres`."""
        return self.url_of("postgres")

    @property
    def log_path(self) -> Path:
        """The file the server writes its log to."""
        return self.settings.data.with_name(self.settings.data.name + ".log")

    @property
    def pid(self) -> int | None:
        """The postmaster's pid while it runs."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def url_of(self, database: str, *, user: str = SUPERUSER, password: str | None = None) -> str:
        """The URL of a database on this server."""
        secret = password if password is not None else self.settings.password
        credentials = user if secret is None else f"{user}:{quote(secret, safe='')}"
        return f"postgresql://{credentials}@{LOOPBACK}:{self.settings.port}/{database}"

    def start(self) -> None:
        """Make the data folder if there is none, start, and wait until connections are accepted; raises StoreError."""
        settings = self.settings
        if self.pid is not None:
            return
        binaries = find_binaries(settings.bin_folder)
        account = server_account()
        if account:
            require_reachable_server(binaries, settings.data, account)
        if not is_free(settings.port):
            raise StoreError(
                f"Port {settings.port} for PostgreSQL is taken by {owner_of(settings.port)}.",
                "Stop that process, or name another port in POSTGRES_PORT.",
            )
        settings.data.parent.mkdir(parents=True, exist_ok=True)
        if not settings.data.exists() or not any(settings.data.iterdir()):
            if settings.data.exists():
                settings.data.rmdir()
            postgres_data.create(settings.data, binaries, account, settings.password, durable=settings.durable)
        postgres_data.check(settings.data, binaries)
        postgres_data.clear_stale_lock(settings.data)
        deadline = time.monotonic() + START_PATIENCE_S
        while True:
            told = self._launch(self._command(binaries.program("postgres")), account, deadline)
            if told is None:
                return
            # A postmaster killed a moment ago leaves backends that hold its shared memory until they notice.
            if "pre-existing shared memory block" not in told or time.monotonic() > deadline:
                raise StoreError(
                    f"PostgreSQL did not start on {settings.data}: {told}",
                    f"Nothing was deleted. Its log is {self.log_path};"
                    f" if the data is damaged, move {settings.data} away.",
                )
            time.sleep(0.2)
            postgres_data.clear_stale_lock(settings.data)

    def stop(self) -> None:
        """Fast shutdown (transactions roll back), immediate after 15 s, SIGKILL at last; returns when it is gone."""
        if self._child is None:
            return
        backends = self._backends()
        end(self._child, [(signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0)])
        _wait_gone(backends)

    def kill(self) -> None:
        """SIGKILL the postmaster and wait until its backends noticed; the data folder is as a crash leaves it."""
        if self._child is None:
            return
        backends = self._backends()
        self._child.kill()
        self._child.wait(timeout=30)
        _wait_gone(backends)

    def is_ready(self) -> bool:
        """Whether the server accepts connections."""
        return self.pid is not None and postgres_data.is_server_ready(self.settings.data, self.pid)

    def _command(self, postgres: str) -> list[str]:
        settings = self.settings
        options = {
            "listen_addresses": LOOPBACK,
            "port": str(settings.port),
            "unix_socket_directories": str(self._socket_folder()),
            "shared_buffers": settings.shared_buffers,
            "max_connections": str(settings.max_connections),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_min_messages": "warning",
            "password_encryption": "scram-sha-256",
            "max_wal_size": "1GB",
            "jit": "off",
        }
        if not settings.durable:
            # synchronous_commit stays on: a commit answered survives SIGKILL of the server, only not of the machine.
            options |= {"fsync": "off", "full_page_writes": "off"}
        command = [postgres, "-D", str(settings.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        return command

    def _socket_folder(self) -> Path:
        # The path of a unix socket may have 107 bytes; a deep data folder gets a short one under /tmp. The folder's
        # name is fixed by the data folder's, so a killed run leaves at most one; its mode keeps others out.
        folder = self.settings.data.with_name(self.settings.data.name + ".sock")
        if len(str(folder)) > SOCKET_PATH_LIMIT:
            digest = hashlib.sha256(str(self.settings.data.resolve()).encode()).hexdigest()[:12]
            folder = Path("/tmp") / f"daira-{os.geteuid()}-{digest}"  # noqa: S108 - checked below to be ours
        folder.mkdir(mode=0o700, exist_ok=True)
        account = server_account()
        if account:
            os.chown(folder, account.uid, account.gid)
        elif folder.stat().st_uid != os.geteuid():
            raise StoreError(f"{folder} belongs to another user.", "Name another data folder in DAIRA_HOME.")
        return folder

    def _backends(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children(recursive=True) if self.pid else []
        except psutil.Error:
            return []

    def _launch(self, command: list[str], account: Account | None, deadline: float) -> str | None:
        """Start the server and wait; None when it is ready, else what it told."""
        with self.log_path.open("ab") as log:
            log_offset = log.tell()
            child = spawn(
                command,
                log=log,
                death_signal=signal.SIGINT,
                account=account,
                cwd=Path("/"),
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            )
        self._child = child
        while not self.is_ready():
            if child.poll() is not None:
                return self._log_tail(log_offset) or f"it ended with code {child.returncode}"
            if time.monotonic() > deadline:
                self.stop()
                return f"it was not ready after {START_PATIENCE_S:.0f} s. {self._log_tail(log_offset)}"
            time.sleep(POLL_S)
        return None

    def _log_tail(self, offset: int) -> str:
        with self.log_path.open("rb") as log:
            log.seek(offset)
            text = log.read()[-4000:].decode("utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "ERROR", "HINT"))]
        return " / ".join((telling or lines)[-4:])


def _wait_gone(processes: list[psutil.Process], patience_s: float = 10.0) -> None:
    # Orphans are reaped by init when it likes; a zombie holds nothing any more.
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline and any(_is_alive(process) for process in processes):
        time.sleep(POLL_S)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
