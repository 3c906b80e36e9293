"""Free TCP ports on the loopback address, and who owns a taken one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import socket
import tempfile
from pathlib import Path

import psutil

LOOPBACK = "127.0.0.1"
_FREE_PORTS = range(20_000, 32_000)
_FREE_PORT_DRAWS = 50


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def free_port(host: str = LOOPBACK) -> int:
    """A port nobody listens on at this moment; another process may still take it before its user binds it.

    Below the range that systems draw the ports of outgoing connections from: a connection could take one of those at
    any time, and our own open many.
    """
    for _ in range(_FREE_PORT_DRAWS):
        port = secrets.choice(_FREE_PORTS)
        if is_free(port, host):
            return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class PortClaims:
    """Ports promised to processes that have not bound them yet.

    Two runs that plan at the same moment would find the same port free, and gRPC servers share a port without a word
    (SO_REUSEPORT). A claim is a lock on a file, so it ends with the run that made it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir()) / f"daira-ports-{os.getuid()}"
        self._held: list[int] = []

    def take(self, port: int) -> bool:
        """Claim a port that is free; False when it is taken or claimed by another run."""
        if not is_free(port):
            return False
        self._folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self._folder / str(port), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._held.append(descriptor)
        return True

    def release(self) -> None:
        """Give all claims back."""
        while self._held:
            with contextlib.suppress(OSError):
                os.close(self._held.pop())


def owner_of(port: int) -> str:
    """Who listens on the port, as `pid 4711 (command line)`; says so when the system does not tell."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "a process of another user"
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return describe(connection.pid) if connection.pid else "a process of another user"
    return "a process this user cannot see"


def describe(pid: int) -> str:
    """A process as a person would recognise it: `pid 4711 (redis-server 127.0.0.1:6379)`."""
    try:
        words = psutil.Process(pid).cmdline() or [psutil.Process(pid).name()]
    except psutil.Error:
        return f"pid {pid}"
    return f"pid {pid} ({' '.join(' '.join(words).split())[:120]})"
