"""The sandbox provider, the door for callbacks and the runner of sagas as processes, wired to one another."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from dev import child
from dev.ports import free_port
from tests.stores import ROOT, SERVICE_SETTINGS

KEY: Final = "a provider key of the tests"
SEALING: Final = "k" * 42 + "A"
_READY_S: Final = 30.0


class Rails:
    """Three processes over one database; each can be killed and started again where it was."""

    def __init__(self, database_url: str, folder: Path, sandbox: Mapping[str, str], runner: Mapping[str, str]) -> None:
        self.sandbox_url = f"http://127.0.0.1:{free_port()}"
        self.door_url = f"http://127.0.0.1:{free_port()}"
        self.log = folder / "rails.log"
        keys = dict.fromkeys(("PAYMOB_HMAC_SECRET", "PAYMOB_PAYOUTS_HMAC_SECRET", "FAWRY_SECURITY_KEY"), KEY)
        shared = {**os.environ, **SERVICE_SETTINGS, "DRAIN_WAIT_S": "0", "PAYMENTS_DATABASE_URL": database_url, **keys}
        self._environments: dict[str, Mapping[str, str]] = {
            "dev.sandbox_provider": {
                **shared,
                "SANDBOX_LISTEN": self.sandbox_url.removeprefix("http://"),
                "SANDBOX_BOOK": str(folder / "book.sqlite"),
                "SANDBOX_CALLBACKS_URL": f"{self.door_url}/callbacks",
                "SANDBOX_LATER_S": "0.3",
                **sandbox,
            },
            "services.payments.workers.callbacks": {
                **shared,
                "PAYMENTS_CALLBACKS_LISTEN": self.door_url.removeprefix("http://"),
                "PAYMENTS_CALLBACK_POLL_S": "0.02",
            },
            "services.payments.workers.sagas": {
                **shared,
                "PAYMENTS_KEY_ENCRYPTION_KEY": SEALING,
                "PAYMENTS_SAGA_POLL_S": "0.02",
                "PAYMENTS_PAYOUT_TIMEOUT_S": "1",
                "PAYMENTS_SAGA_LEASE_S": "2",
                "PAYMENTS_RAILS": "open",
                "PAYMOB_URL": self.sandbox_url,
                "PAYMOB_PAYOUTS_URL": self.sandbox_url,
                "PAYMOB_PAGE_URL": f"{self.sandbox_url}/pay/",
                "PAYMOB_SECRET_KEY": KEY,
                "PAYMOB_PAYOUTS_KEY": KEY,
                "FAWRY_URL": self.sandbox_url,
                "FAWRY_MERCHANT": "daira",
                **runner,
            },
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, module: str, name: str = "") -> None:
        """Start one of the three, or a further one under a `name` of its own."""
        with self.log.open("ab") as log:
            self.running[name or module] = child.spawn(
                [sys.executable, "-m", module], log=log, death_signal=signal.SIGKILL, cwd=ROOT,
                env=dict(self._environments[module]),
            )  # fmt: skip

    def start_all(self) -> None:
        """Start all three, and wait until the two that listen do."""
        for module in self._environments:
            self.start(module)
        for url in (self.sandbox_url, self.door_url):
            self.wait_for(url)

    def wait_for(self, url: str) -> None:
        """Return when an HTTP server is ready."""
        end = time.monotonic() + _READY_S
        while time.monotonic() < end:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/readyz", timeout=1).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text()[-4000:])

    def kill(self, module: str) -> None:
        """SIGKILL: nothing gets to finish."""
        self.running[module].kill()
        self.running[module].wait(timeout=30)

    def operations(self) -> list[dict[str, Any]]:
        """The provider's book."""
        found: list[dict[str, Any]] = httpx.get(f"{self.sandbox_url}/sandbox/operations", timeout=10).json()
        return found

    async def asked(self) -> None:
        """Return when the provider was asked for something; fails after half a minute."""
        for _ in range(600):
            if self.operations():
                return
            await asyncio.sleep(0.05)
        raise AssertionError("nobody was asked")

    def stop(self) -> None:
        """SIGTERM to all, then force."""
        for process in self.running.values():
            child.end(process, [(signal.SIGTERM, 10.0)])


@contextlib.contextmanager
def rails(
    database_url: str,
    folder: Path,
    *,
    sandbox: Mapping[str, str] | None = None,
    runner: Mapping[str, str] | None = None,
) -> Iterator[Rails]:
    """The three processes, running."""
    processes = Rails(database_url, folder, sandbox or {}, runner or {})
    try:
        processes.start_all()
        yield processes
    finally:
        processes.stop()
