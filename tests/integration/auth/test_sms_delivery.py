"""Messages over real HTTP: whatever the provider or the relay does, one reference becomes one message."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from dev import child
from services.auth.adapters.code_mint import CodeMint
from services.auth.adapters.http_sms import HttpSms
from services.auth.adapters.postgres.code_outbox import PostgresCodeOutbox
from services.auth.application.deliver_codes import DeliverCodes
from tests.integration.auth.codes import DEVICE, E164, Codes, code_in
from tests.integration.auth.server import ENV, KEK, Running
from tests.integration.auth.sms_provider import SILENT, SmsProviderServer
from tests.stores import ROOT

KEY = b"tests-only-sms-key-0123"
TIMEOUT_S = 0.5


async def deliver(codes: Codes, provider: SmsProviderServer, rounds: int, *, later_s: float = 3) -> list[str]:
    """How each attempt ended; between rounds the lease of what is unknown runs out, unless `later_s` is 0."""
    outcomes: list[str] = []
    sms = HttpSms(provider.url, KEY, TIMEOUT_S)
    try:
        sender = DeliverCodes(
            PostgresCodeOutbox(codes.auth.pool),
            sms,
            CodeMint(KEK),
            "",
            timedelta(seconds=TIMEOUT_S),
            codes.auth.clock,
            outcomes.append,
        )
        for _ in range(rounds):
            await sender.deliver_due()
            codes.auth.clock.advance(later_s)
    finally:
        await sms.close()
    return outcomes


@pytest.mark.parametrize(
    ("script", "outcomes", "messages"),
    [
        ([200], ["sent"], 1),
        ([500, 503, 202], ["unknown", "unknown", "sent"], 1),
        ([429, 200], ["unknown", "sent"], 1),
        # It sent the message and said so too late.
        ([SILENT, 200], ["unknown", "sent"], 1),
        ([SILENT, SILENT, 200], ["unknown", "unknown", "sent"], 1),
        ([400], ["refused"], 0),
        ([302, 200], ["unknown", "sent"], 1),
    ],
)
async def test_one_reference_becomes_at_most_one_message(
    auth: Running, script: list[int], outcomes: list[str], messages: int
) -> None:
    codes = Codes(auth)
    flow = await codes.send()
    with SmsProviderServer(script) as provider:
        assert await deliver(codes, provider, 4) == outcomes
        assert sum(provider.messages.values()) == messages
        assert len({asked["reference"] for asked in provider.asked}) == 1
        assert all(asked["key"] == asked["reference"] for asked in provider.asked)
        assert provider.asked[0]["authorization"] == f"Bearer {KEY.decode()}"
        assert provider.asked[0]["to"] == E164
        await codes.redeem(flow.flow_token, code_in(provider.asked[-1]["text"]), device=DEVICE)
    assert await auth.pool.fetchval("SELECT count(*) FROM code_messages") == 0


async def test_many_senders_at_once_send_each_message_once(auth: Running) -> None:
    codes = Codes(auth)
    for number in range(40):
        await codes.send(f"0100{number:07d}")
    with SmsProviderServer([200]) as provider:
        await asyncio.gather(*(deliver(codes, provider, 6, later_s=0) for _ in range(4)))
        assert len(provider.asked) == 40
        assert set(provider.messages.values()) == {1}


@pytest.mark.faults
@pytest.mark.timeout(120)
async def test_a_relay_killed_after_asking_is_followed_by_one_that_asks_under_the_same_reference(
    auth: Running, auth_database: str, redis_url: str, tmp_path: Path
) -> None:
    await Codes(auth).send()
    settings = ENV | {
        "AUTH_DATABASE_URL": auth_database,
        "REDIS_URL": redis_url,
        "AUTH_CODE_PROVIDER": "http",
        "AUTH_SMS_KEY": KEY.decode(),
        "AUTH_SMS_TIMEOUT_S": "1",
        "DAIRA_ENV": "test",
    }
    with SmsProviderServer([SILENT, 200]) as provider, (tmp_path / "relay.log").open("ab") as log:

        def relay() -> object:
            environment = dict(os.environ) | settings | {"AUTH_SMS_URL": provider.url}
            command = [sys.executable, "-m", "services.auth.workers.relay"]
            return child.spawn(command, log=log, death_signal=signal.SIGKILL, env=environment, cwd=ROOT)

        first = relay()
        assert await asyncio.to_thread(provider.on_asked.wait, 60), (tmp_path / "relay.log").read_text("utf-8")
        first.kill()  # type: ignore[attr-defined]
        first.wait(30)  # type: ignore[attr-defined]
        assert await auth.pool.fetchval("SELECT count(*) FROM code_messages") == 1
        second = relay()
        try:
            async with asyncio.timeout(60):
                while await auth.pool.fetchval("SELECT count(*) FROM code_messages"):  # noqa: ASYNC110 - a process
                    await asyncio.sleep(0.1)
        finally:
            await asyncio.to_thread(child.end, second, [(signal.SIGTERM, 10.0)])  # type: ignore[arg-type]
        assert len(provider.asked) >= 2
        assert list(provider.messages.values()) == [1]
