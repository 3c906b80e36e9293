"""Free TCP ports on the loopback address, and who owns a taken one."""

from __future__ import annotations

import errno
import socket

import psutil

LOOPBACK = "127.0.0.1"


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
    """A port nobody listens on at this moment; another process may still take it before its user binds it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


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
    return f"pid {pid} ({' '.join(words)[:120]})"
