"""ghz, the gRPC load generator: one run against a method, its latencies and rate."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.results import ROOT


@dataclass(frozen=True)
class LoadRun:
    """Latencies of the answered calls in milliseconds, the rate a second, and how many calls failed."""

    latencies_ms: tuple[float, ...]
    rps: float
    failures: int


def binary() -> str:
    """Path of ghz; says how to install it when it is not there."""
    local = ROOT / ".bin" / "ghz"
    found = (
        str(local) if local.exists() else shutil.which("ghz") or shutil.which("ghz", path=str(Path.home() / "go/bin"))
    )
    if not found:
        raise FileNotFoundError("ghz is not installed: run `make bench-tools` (needs Go)")
    return found


def run(
    address: str,
    method: str,
    request: Mapping[str, object] | Sequence[Mapping[str, object]],
    *,
    tokens: Sequence[str],
    seconds: float,
    clients: int,
    rps: int = 0,
) -> LoadRun:
    """Calls a method over plaintext for some seconds from `clients` at once, each on a connection shared by at most 16.

    The request is one message or a list taken in turn, as JSON of the protobuf with ghz's templates; the method is
    "package.Service/Method"; each call has one of the tokens by chance; `rps` bounds the calls a second, 0 not at all.
    """
    command = [
        binary(),
        "--insecure",
        "--proto",
        str(next(path for path in (ROOT / "protos/daira").rglob("*.proto") if declares(path, method))),
        "--import-paths",
        str(ROOT / "protos"),
        "--call",
        method,
        "--data",
        json.dumps(request),
        "--metadata",
        json.dumps({"authorization": f"Bearer {any_of(tokens)}"} if tokens else {}),
        "--duration",
        f"{seconds}s",
        "--duration-stop",
        "wait",
        "--concurrency",
        str(clients),
        "--rps",
        str(rps),
        "--connections",
        str(max(1, min(clients, clients // 16 + 1))),
        "--format",
        "json",
        address,
    ]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    if outcome.returncode != 0:
        # Without the command, which holds tokens.
        raise RuntimeError(f"ghz {method} failed: {outcome.stderr[-200:]}")
    report = json.loads(outcome.stdout)
    details = [entry for entry in report.get("details") or [] if entry.get("status") == "OK"]
    latencies = tuple(entry["latency"] / 1e6 for entry in details)
    return LoadRun(latencies, len(details) / (report["total"] / 1e9), report["count"] - len(details))


def any_of(tokens: Sequence[str]) -> str:
    """A ghz template that gives each call one of the tokens by chance: its templates cannot count in a circle."""
    *others, last = tokens
    if not others:
        return last
    cases = "{{ else ".join(f"if eq $n {at} }}}}{token}" for at, token in enumerate(others))
    return f"{{{{ $n := randomInt 0 {len(tokens)} }}}}{{{{ {cases}{{{{ else }}}}{last}{{{{ end }}}}"


def declares(path: Path, method: str) -> bool:
    """Whether the .proto file declares the service of "package.Service/Method"."""
    package, service = method.split("/", maxsplit=1)[0].rsplit(".", 1)
    text = path.read_text("utf-8")
    return f"package {package};" in text and f"service {service} " in text
