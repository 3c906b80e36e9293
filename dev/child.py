"""Child processes on a leash: own process group, ended when we end, stopped by signal and then by force."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LEASH = Path(__file__).with_name("leash.py")


@dataclass(frozen=True)
class Account:
    """The operating-system account a child runs as."""

    name: str
    uid: int
    gid: int


def leashed(command: Sequence[str], *, death_signal: signal.Signals, account: Account | None = None) -> list[str]:
    """The command line that runs `command` so that it gets `death_signal` when this process dies."""
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    # -I and -S: no site-packages, no environment; the shim starts in about 20 ms.
    prefix = [sys.executable, "-I", "-S", str(LEASH)]
    return [*prefix, str(os.getpid()), str(int(death_signal)), str(uid), str(gid), "--", *command]


def spawn(
    command: Sequence[str],
    *,
    log: IO[bytes],
    death_signal: signal.Signals,
    account: Account | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a leashed child in its own session, its output going to `log`."""
    return subprocess.Popen(
        leashed(command, death_signal=death_signal, account=account),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=dict(env) if env is not None else None,
        cwd=cwd,
    )


def end(child: subprocess.Popen[bytes], signals: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn, waiting its number of seconds for the child to end, and SIGKILL at last."""
    for number, patience_s in signals:
        if child.poll() is not None:
            return
        child.send_signal(number)
        try:
            child.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            continue
        return
    if child.poll() is None:
        child.kill()
        child.wait(timeout=30)
