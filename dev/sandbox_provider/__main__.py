"""`python -m dev.sandbox_provider`: the provider as a process, with its book, its desk and its callbacks."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

import httpx
import structlog

from dev.sandbox_provider.app import SandboxApp
from dev.sandbox_provider.book import Book, DueCallback
from dev.sandbox_provider.desk import Desk, Timing
from dev.sandbox_provider.faults import FaultPlan, read_rates
from dev.sandbox_provider.shapes import Keys, callback_of
from services.chassis.config import Env
from services.chassis.http_server import HttpListen, read_address, serve
from services.chassis.lifecycle import pause, run_until_signalled, supervised
from services.chassis.telemetry import configure_logging

_LOOK_EVERY_S: Final = 0.02
_ATTEMPTS_MAX: Final = 20
_CALLBACK_TIMEOUT_S: Final = 5.0
_RETRY_S: Final = 0.5
_OK: Final = 200
_FORGED: Final = 401

_log = structlog.get_logger(__name__)


class _Ready:
    def ready(self) -> bool:
        return True

    def drain(self) -> None:
        return


async def main(stop: asyncio.Event) -> None:
    """Serve until `stop`. SettingsError for wrong settings."""
    env = Env(os.environ)
    host, port = env.parsed("SANDBOX_LISTEN", "host:port", read_address, ("", 0))
    path = env.text("SANDBOX_BOOK")
    callbacks = env.text("SANDBOX_CALLBACKS_URL", "")
    plan = FaultPlan(
        env.integer("SANDBOX_SEED", 1, 0, 2**31), env.parsed("SANDBOX_FAULTS", "fault=rate,…", read_rates, {}, {})
    )
    later_s = env.seconds("SANDBOX_LATER_S", 2.0, 0.0, 3600.0)
    timing = Timing(later_s, later_s, slow_s=env.seconds("SANDBOX_SLOW_S", 60.0, 0.0, 3600.0))
    keys = Keys(
        env.secret("PAYMOB_HMAC_SECRET", min_bytes=16).reveal(),
        env.secret("PAYMOB_PAYOUTS_HMAC_SECRET", min_bytes=16).reveal(),
        env.secret("FAWRY_SECURITY_KEY", min_bytes=16).reveal(),
    )
    json_logs = env.choice("LOG_FORMAT", ("json", "console"), "json") == "json"
    env.finish()
    configure_logging("sandbox-provider", json=json_logs)
    book = Book(Path(path))
    desk = Desk(book, plan, timing)
    app = SandboxApp(desk)
    try:
        await supervised(
            stop,
            http=serve(app.asgi, HttpListen(host, port, 0.0, 1.0), _Ready(), stop),
            work=_work(desk, callbacks, keys, stop),
        )
    finally:
        book.close()


async def _work(desk: Desk, callbacks: str, keys: Keys, stop: asyncio.Event) -> None:
    """Settle what is due, and send callbacks until they are acknowledged."""
    async with httpx.AsyncClient(timeout=_CALLBACK_TIMEOUT_S, trust_env=False) as client:
        while not stop.is_set():
            desk.settle_due()
            for due in desk.book.due_callbacks():
                if due.state == "returned":
                    desk.book.give_back(due.entry.reference, "the account is closed")
                if callbacks:
                    await _send(client, desk.book, callbacks, keys, due)
                else:
                    desk.book.sent(due.callback_id)
            await pause(stop, _LOOK_EVERY_S)


async def _send(client: httpx.AsyncClient, book: Book, url: str, keys: Keys, due: DueCallback) -> None:
    callback = callback_of(due.entry, due.state, keys, is_forged=due.is_forged)
    try:
        answer = await client.post(
            f"{url}/{callback.path}",
            params=callback.query,
            headers={"content-type": "application/json", **callback.headers},
            content=callback.body,
        )
        is_done = answer.status_code in {_OK, _FORGED}
    except httpx.HTTPError as error:
        _log.warning("callback_not_taken", error=type(error).__name__)
        is_done = False
    if is_done or due.attempts >= _ATTEMPTS_MAX:
        book.sent(due.callback_id)
    else:
        book.not_sent(due.callback_id, _RETRY_S * 2 ** min(due.attempts, 6))


if __name__ == "__main__":
    sys.exit(run_until_signalled(main))
