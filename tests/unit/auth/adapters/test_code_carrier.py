"""Where codes go: to phones by text message, to addresses by e-mail, and nowhere without a provider."""

from __future__ import annotations

import json

import httpx

from services.auth.adapters.code_carrier import SUBJECT, CodeCarrier, HttpEmail
from services.auth.adapters.http_sms import HttpSms
from services.auth.application.code_ports import SendOutcome

KEY = b"a-key-of-tests-16"
asked: list[tuple[str, dict[str, str]]] = []


def provider(status: int = 200) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((str(request.url), json.loads(request.content)))
        return httpx.Response(status)

    return httpx.MockTransport(answer)


async def test_each_goes_its_way() -> None:
    asked.clear()
    sms = HttpSms("https://sms.example/", KEY, 1, provider())
    email = HttpSms("https://mail.example/", KEY, 1, provider(503))
    carrier = CodeCarrier(sms, HttpEmail(email), (sms, email))
    assert await carrier.send("r-1", "+201001234567", "رمز") is SendOutcome.SENT
    assert await carrier.send("r-2", "منى@example.com", "رمز") is SendOutcome.UNKNOWN
    await carrier.close()
    assert asked == [
        ("https://sms.example/", {"to": "+201001234567", "text": "رمز", "reference": "r-1"}),
        ("https://mail.example/", {"to": "منى@example.com", "subject": SUBJECT, "text": "رمز", "reference": "r-2"}),
    ]


async def test_without_an_email_provider_none_is_sent() -> None:
    asked.clear()
    sms = HttpSms("https://sms.example/", KEY, 1, provider())
    assert await CodeCarrier(sms, None, (sms,)).send("r-1", "mona@example.com", "رمز") is SendOutcome.REFUSED
    assert asked == []
