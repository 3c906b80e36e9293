"""auth alone, on a PostgreSQL of its own: for what is measured of it and of nothing else."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from bench.results import ROOT
from dev import child
from dev.ports import free_port
from dev.service_keys import new_signing_key, trust_bundle
from dev.stores.postgres_server import EmbeddedPostgres, PostgresSettings

READY_PATIENCE_S = 60.0


@dataclass(frozen=True)
class AuthAlone:
    """Where it is reached, and its database."""

    address: str
    metrics_url: str
    database_url: str

    @classmethod
    @contextlib.contextmanager
    def started(cls, *, durable: bool = True, settings: Mapping[str, str] | None = None) -> Iterator[AuthAlone]:
        """Starts both, with fsync as at work unless not `durable`. TimeoutError when auth does not come up."""
        # Not under a folder that `nobody`, who runs PostgreSQL for root, may not enter.
        with tempfile.TemporaryDirectory(prefix="daira-bench-", dir="/tmp") as name:
            folder = Path(name)
            folder.chmod(0o711)
            postgres = EmbeddedPostgres(PostgresSettings(data=folder / "postgres", port=free_port(), durable=durable))
            postgres.start()
            try:
                with _process(folder, postgres.url, settings or {}) as auth:
                    yield auth
            finally:
                postgres.stop()

    def buckets(self, histogram: str) -> dict[float, float]:
        """What a histogram without labels has counted up to each edge."""
        with urllib.request.urlopen(self.metrics_url, timeout=5) as answer:  # noqa: S310 - ours
            text = answer.read().decode()
        return {
            float(sample.labels["le"]): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"{histogram}_bucket"
        }


@contextlib.contextmanager
def _process(folder: Path, database_url: str, settings: Mapping[str, str]) -> Iterator[AuthAlone]:
    address, metrics_port, key = f"127.0.0.1:{free_port()}", free_port(), new_signing_key()
    environment = dict(os.environ) | {
        "AUTH_LISTEN": address,
        "AUTH_DATABASE_URL": database_url,
        "AUTH_METRICS_PORT": str(metrics_port),
        "AUTH_KEY_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "SERVICE_SIGNING_KEY": key,
        "SERVICE_TRUST_BUNDLE": trust_bundle({"auth": key}),
        "DAIRA_ENV": "test",
        "DRAIN_WAIT_S": "0",
        "LOG_LEVEL": "error",
    }
    environment |= settings
    migrate = [sys.executable, "-m", "services.auth.migrate"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    with (folder / "auth.log").open("ab") as log:
        command = [sys.executable, "-m", "services.auth"]
        process = child.spawn(command, log=log, death_signal=signal.SIGKILL, env=environment, cwd=ROOT)
    try:
        _wait_until_serving(address, folder / "auth.log")
        yield AuthAlone(address, f"http://127.0.0.1:{metrics_port}/metrics", database_url)
    finally:
        child.end(process, [(signal.SIGTERM, 10.0)])


def _wait_until_serving(address: str, log: Path) -> None:
    deadline = time.monotonic() + READY_PATIENCE_S
    with grpc.insecure_channel(address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        while time.monotonic() < deadline:
            with contextlib.suppress(grpc.RpcError):
                if check(health_pb2.HealthCheckRequest(), timeout=1).status == health_pb2.HealthCheckResponse.SERVING:
                    return
            time.sleep(0.05)
    raise TimeoutError(f"auth did not start:\n{log.read_text('utf-8')[-2000:]}")
