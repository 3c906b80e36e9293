"""ghz, the gRPC load generator: one run against a method, its latencies and rate."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2
from google.protobuf.descriptor import FileDescriptor

from bench.load_run import LoadRun, since_due_ms
from bench.results import ROOT

NOTHING = empty_pb2.DESCRIPTOR.name
# An open loop keeps no client waiting; its calls share so many connections.
OPEN_CONNECTIONS = 4


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
    headers: Mapping[str, str] | None = None,
    counted: str = "OK",
    niceness: int = 0,
) -> LoadRun:
    """Calls a method over plaintext for some seconds from `clients` at once, each on a connection shared by at most 16.

    The request is one message or a list taken in turn, as JSON of the protobuf with ghz's templates; the method is
    "package.Service/Method"; each call has one of the tokens by chance, and `headers`, which may have templates too;
    `rps` bounds the calls a second, 0 not at all. Calls that end with the status `counted` are the good ones;
    `niceness` lets the generator yield to who is measured.
    """
    connections = max(1, min(clients, clients // 16 + 1))
    loop = ["--concurrency", str(clients), "--rps", str(rps), "--connections", str(connections)]
    metadata = {**_authorization(tokens), **(headers or {})}
    report = _report(address, method, request, metadata, seconds, loop, niceness)
    good = [entry for entry in report.get("details") or [] if entry.get("status") == counted]
    latencies = tuple(entry["latency"] / 1e6 for entry in good)
    return LoadRun(latencies, len(good) / (report["total"] / 1e9), report["count"] - len(good))


def run_open(
    address: str, method: str, request: Mapping[str, object], *, tokens: Sequence[str], seconds: float, rate: int
) -> LoadRun:
    """Calls a method `rate` times a second for some seconds, whether earlier calls were answered or not.

    Each latency counts from when its call was due, not from when the generator came to send it.
    """
    loop = ["--async", "--rps", str(rate), "--concurrency", str(OPEN_CONNECTIONS)]
    loop += ["--connections", str(OPEN_CONNECTIONS)]
    report = _report(address, method, request, _authorization(tokens), seconds, loop)
    details = report.get("details") or []
    calls = []
    for entry in details:
        # ghz stamps a call when it ends.
        ended = datetime.fromisoformat(entry["timestamp"]).timestamp()
        calls.append((ended - entry["latency"] / 1e9, ended, entry.get("status") == "OK"))
    calls.sort()
    latencies = since_due_ms([call[:2] for call in calls], rate)
    good = tuple(latency for latency, call in zip(latencies, calls, strict=True) if call[2])
    return LoadRun(good, len(good) / (report["total"] / 1e9), report["count"] - len(good))


def _report(
    address: str,
    method: str,
    request: Mapping[str, object] | Sequence[Mapping[str, object]],
    metadata: Mapping[str, str],
    seconds: float,
    loop: Sequence[str],
    niceness: int = 0,
) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile(suffix=".binpb") as contract:
        contract.write(contract_of(method).SerializeToString())
        contract.flush()
        command = [
            "nice",
            f"--adjustment={niceness}",
            binary(),
            "--insecure",
            "--protoset",
            contract.name,
            "--call",
            method,
            "--data",
            json.dumps(request),
            "--metadata",
            json.dumps(metadata),
            "--duration",
            f"{seconds}s",
            "--duration-stop",
            "wait",
            *loop,
            "--format",
            "json",
            address,
        ]
        outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    if outcome.returncode != 0:
        # Without the command, which holds tokens.
        raise RuntimeError(f"ghz {method} failed: {outcome.stderr[-200:]}")
    report: dict[str, Any] = json.loads(outcome.stdout)
    return report


def _authorization(tokens: Sequence[str]) -> dict[str, str]:
    return {"authorization": f"Bearer {any_of(tokens)}"} if tokens else {}


def contract_of(method: str) -> descriptor_pb2.FileDescriptorSet:
    """The files that declare a method, with an answer of no fields: the generator leaves what it was sent undecoded.

    Decoding a page of posts costs ghz more than sending the request, on the processors that the services share with it.
    """
    service, name = method.split("/")
    importlib.import_module(_module_of(service))
    files = descriptor_pb2.FileDescriptorSet()
    seen: set[str] = set()

    def add(file: FileDescriptor) -> None:
        if file.name not in seen:
            seen.add(file.name)
            for dependency in file.dependencies:
                add(dependency)
            file.CopyToProto(files.file.add())

    add(empty_pb2.DESCRIPTOR)
    add(descriptor_pool.Default().FindServiceByName(service).file)
    declaring = files.file[-1]
    if NOTHING not in declaring.dependency:
        declaring.dependency.append(NOTHING)
    for declared in declaring.service:
        for one in declared.method:
            if f"{declaring.package}.{declared.name}" == service and one.name == name:
                one.output_type = ".google.protobuf.Empty"
    return files


def _module_of(service: str) -> str:
    """The generated module of a service, by the .proto file that declares it."""
    package, name = service.rsplit(".", 1)
    for path in sorted((ROOT / "protos" / package.replace(".", "/")).glob("*.proto")):
        if f"service {name} " in path.read_text("utf-8"):
            return f"{package}.{path.stem}_pb2"
    raise LookupError(f"no .proto file declares {service}")


def any_of(tokens: Sequence[str]) -> str:
    """A ghz template that gives each call one of the tokens by chance: its templates cannot count in a circle."""
    *others, last = tokens
    if not others:
        return last
    cases = "{{ else ".join(f"if eq $n {at} }}}}{token}" for at, token in enumerate(others))
    return f"{{{{ $n := randomInt 0 {len(tokens)} }}}}{{{{ {cases}{{{{ else }}}}{last}{{{{ end }}}}"
