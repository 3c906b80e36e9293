"""One-time codes for tests: a phone that reads what is sent to it, and providers that are away, slow or forgetful."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from daira.auth.v1 import code_service_pb2 as pb
from daira.auth.v1 import code_service_pb2_grpc
from services.auth.adapters.code_mint import CodeMint
from services.auth.adapters.postgres.code_outbox import PostgresCodeOutbox
from services.auth.adapters.postgres.sandbox_inbox import PostgresSandboxInbox, read_inbox
from services.auth.application.code_ports import SendOutcome, SmsProvider
from services.auth.application.deliver_codes import DeliverCodes
from tests.integration.auth.server import KEK, Running

PHONE = "01001234567"
E164 = "+201001234567"
DEVICE = "device-of-the-test-1"


class Provider:
    """A provider that answers as it is told, and remembers what it was asked."""

    def __init__(self, answer: Callable[[int], SendOutcome] = lambda _count: SendOutcome.SENT) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self._answer = answer

    async def send(self, reference: str, phone: str, text: str) -> SendOutcome:
        self.asked.append((reference, phone, text))
        return self._answer(len(self.asked))


class Codes:
    """CodeService of a running auth, and the sandbox behind it."""

    def __init__(self, auth: Running) -> None:
        self.auth = auth
        self.stub = code_service_pb2_grpc.CodeServiceStub(auth.channel)
        self.outcomes: list[str] = []
        self._keys = 0

    async def send(
        self, phone: str = PHONE, *, device: str = DEVICE, key: str = "", network: str = ""
    ) -> pb.SendCodeResponse:
        self._keys += 1
        request = pb.SendCodeRequest(
            phone=phone,
            purpose=pb.CODE_PURPOSE_SIGN_IN,
            device_id=device,
            idempotency_key=key or f"key-{self._keys}",
        )
        metadata = [("x-forwarded-for", network)] if network else []
        response: pb.SendCodeResponse = await self.stub.SendCode(request, metadata=metadata)
        return response

    async def redeem(self, flow_token: str, code: str, *, device: str = DEVICE) -> pb.RedeemCodeResponse:
        request = pb.RedeemCodeRequest(flow_token=flow_token, code=code, device_id=device)
        response: pb.RedeemCodeResponse = await self.stub.RedeemCode(request)
        return response

    def sender(self, provider: SmsProvider | None = None) -> DeliverCodes:
        pool, clock = self.auth.pool, self.auth.clock
        return DeliverCodes(
            PostgresCodeOutbox(pool),
            provider or PostgresSandboxInbox(pool, clock),
            CodeMint(KEK),
            "daira.example",
            timedelta(seconds=5),
            clock,
            self.outcomes.append,
        )

    async def received(self, phone: str = E164) -> str:
        """Deliver what is due and read the newest code that the phone has."""
        while await self.sender().deliver_due():
            pass
        return code_in((await read_inbox(self.auth.pool, phone, 1))[0].body)

    async def sign_in(self, phone: str = PHONE, e164: str = E164) -> pb.RedeemCodeResponse:
        flow = await self.send(phone)
        return await self.redeem(flow.flow_token, await self.received(e164))


def code_in(text: str) -> str:
    """The code of a message."""
    found = re.search(r"\b(\d{6})\b", text)
    assert found is not None
    return found[1]


def wrong(code: str, step: int = 1) -> str:
    """Another code."""
    return f"{(int(code) + step) % 1_000_000:06d}"
