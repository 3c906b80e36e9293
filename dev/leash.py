"""Runs a command that dies with its parent: `leash.py PARENT_PID SIGNAL UID GID -- command…`.

A parent that gets SIGKILL can end nothing. On Linux the kernel does it: the leash asks for SIGNAL at the parent's
death, gives up root when UID is not -1, and becomes the command (same pid). It is a script of its own and not a
`preexec_fn`, because code between fork and exec is unsafe in a process with threads (gRPC has many). Only the standard
library is imported: this file is run by path, before anything is set up.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
NO_CHANGE = -1


def main(arguments: list[str]) -> None:
    """Drop privileges, tie this process to its parent, and exec the command; exits 1 when the parent is gone."""
    parent_pid, death_signal, uid, gid = (int(text) for text in arguments[:4])
    command = arguments[5:]
    if uid != NO_CHANGE:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After setuid: a change of credentials clears the parent-death signal.
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the command is our parent's own


if __name__ == "__main__":
    main(sys.argv[1:])
