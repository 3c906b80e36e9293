"""PostgreSQL's data folder: made whole or not at all, and checked before a server is let near it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil

from dev.child import Account
from dev.ports import describe
from dev.stores.errors import StoreError
from dev.stores.postgres_binaries import PostgresBinaries

SUPERUSER = "postgres"
MINIMUM_CONTROL_BYTES = 8192
BUILTIN_LOCALE_MAJOR = 17


def create(
    data: Path, binaries: PostgresBinaries, account: Account | None, password: str | None, *, durable: bool
) -> None:
    """Run initdb in a folder beside and rename it: `data` is whole if it exists. `password` None means trust."""
    unfinished = data.with_name(data.name + ".initialising")
    if unfinished.exists():
        # Ours by name, and never the place of a running server: an initdb that was interrupted.
        shutil.rmtree(unfinished)
    unfinished.mkdir(parents=True, mode=0o700)
    if account:
        os.chown(unfinished, account.uid, account.gid)
    command = [binaries.program("initdb"), "-D", str(unfinished), "-U", SUPERUSER, "--encoding=UTF8"]
    if binaries.major >= BUILTIN_LOCALE_MAJOR:
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    else:
        command += ["--locale=C"]
    if not durable:
        command.append("--no-sync")
    with tempfile.NamedTemporaryFile("w", prefix="daira-", dir="/tmp") as password_file:
        if password is None:
            command.append("--auth=trust")
        else:
            password_file.write(password + "\n")
            password_file.flush()
            if account:
                os.chown(password_file.name, account.uid, account.gid)
            command += ["--auth=scram-sha-256", f"--pwfile={password_file.name}"]
        _run(command, account)
    unfinished.rename(data)


def check(data: Path, binaries: PostgresBinaries) -> None:
    """Raise StoreError when the folder is not a whole one of this version; the server itself would speak in riddles."""
    advice = f"Nothing was deleted. Put a backup there, or move {data} away and start again with an empty one."
    version_file = data / "PG_VERSION"
    if not version_file.is_file():
        raise StoreError(f"The PostgreSQL data folder {data} is damaged: it has no PG_VERSION file.", advice)
    version = version_file.read_text(encoding="ascii", errors="replace").strip()
    if version != str(binaries.major):
        raise StoreError(
            f"The PostgreSQL data folder {data} was made by version {version or '(unreadable)'},"
            f" and this server is version {binaries.major}.",
            f"Nothing was deleted. Name the folder of version {version}'s programs in DAIRA_POSTGRES_BIN,"
            f" or move {data} away.",
        )
    control = data / "global" / "pg_control"
    if not control.is_file() or control.stat().st_size < MINIMUM_CONTROL_BYTES:
        raise StoreError(f"The PostgreSQL data folder {data} is damaged: {control} is missing or cut short.", advice)


def clear_stale_lock(data: Path) -> None:
    """Remove the postmaster.pid that a killed server left; raise StoreError when that server still runs."""
    lock = data / "postmaster.pid"
    try:
        first_line = lock.read_text(encoding="ascii", errors="replace").split("\n", 1)[0]
    except FileNotFoundError:
        return
    pid = int(first_line) if first_line.strip().isdigit() else 0
    try:
        process = psutil.Process(pid) if pid else None
        runs_here = process is not None and process.status() != psutil.STATUS_ZOMBIE and str(data) in process.cmdline()
    except psutil.Error:
        runs_here = False
    if runs_here:
        raise StoreError(
            f"Another PostgreSQL server already uses {data}: {describe(pid)}.", f"Stop it first: `kill -INT {pid}`."
        )
    # The system may have given the pid to a stranger; PostgreSQL itself would then refuse to start.
    lock.unlink(missing_ok=True)


def is_server_ready(data: Path, pid: int) -> bool:
    """Whether the server of this pid says in postmaster.pid (line 8, as pg_ctl reads it) that it takes connections."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="ascii", errors="replace").splitlines()
    except (FileNotFoundError, PermissionError):
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _run(command: list[str], account: Account | None) -> None:
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
    user, group = (account.uid, account.gid) if account else (None, None)
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment,
        cwd="/",
        check=False,
        user=user,
        group=group,
        extra_groups=[] if account else None,
    )
    if result.returncode != 0:
        told = (result.stderr or result.stdout).strip().splitlines()[-3:]
        raise StoreError(f"initdb failed: {' / '.join(told)}", f"The command was: {' '.join(command)}")
