"""A worker that lives again the moment it was killed: `python -m tests.e2e.faults.restless services.….workers.relay`.

An interpreter takes a second to import what a worker needs: killed every 100 ms it would die before it did anything.
This parent has imported everything and forks, so each life comes to work within some milliseconds. SIGUSR1 adds a
twin, as a rolling update has for a moment; SIGUSR2 kills all twins.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import runpy
import signal
import sys

SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2}
PR_SET_PDEATHSIG = 1


def live(module: str) -> int:
    """Fork a life of the worker; its pid."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    # The leash of the parent is not inherited.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    code = 1
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        os._exit(code)


def main(module: str) -> int:
    """Live until the worker ends by itself, or until SIGTERM; the exit code."""
    importlib.import_module(module)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    lives, twins = {live(module)}, set[int]()
    while lives:
        match signal.sigwait(SIGNALS):
            case signal.SIGUSR1:
                twins.add(live(module))
            case signal.SIGUSR2:
                for pid in twins:
                    os.kill(pid, signal.SIGKILL)
            case signal.SIGCHLD:
                for pid, status in reaped(lives | twins):
                    is_twin = pid in twins
                    lives.discard(pid)
                    twins.discard(pid)
                    if os.WIFEXITED(status):
                        # It ended by itself: what that means is for the supervisor to say.
                        return os.WEXITSTATUS(status)
                    if not is_twin:
                        lives.add(live(module))
            case _:
                return drained(lives | twins)
    return 1


def reaped(pids: set[int]) -> list[tuple[int, int]]:
    """Those that have ended, with their wait status."""
    return [(pid, status) for pid in pids for done, status in [os.waitpid(pid, os.WNOHANG)] if done]


def drained(pids: set[int]) -> int:
    """Pass the signal on and wait; the greatest exit code."""
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    return max(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
