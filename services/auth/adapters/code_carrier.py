"""Carries a code to where it is meant for: by e-mail to addresses, as a text message to phones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.auth.adapters.http_sms import HttpSms
from services.auth.adapters.postgres.sandbox_inbox import PostgresSandboxInbox
from services.auth.application.account_ports import EmailProvider
from services.auth.application.code_ports import SendOutcome, SmsProvider

SUBJECT: Final = "رمز دائرة · Your DAIRA code"


class CodeCarrier:
    """An SmsProvider that passes what is for an e-mail address to an EmailProvider; without one that is refused.

    `connections` are closed with it.
    """

    def __init__(self, sms: SmsProvider, email: EmailProvider | None, connections: Sequence[HttpSms] = ()) -> None:
        self._sms = sms
        self._email = email
        self._connections = connections

    async def send(self, reference: str, phone: str, text: str) -> SendOutcome:
        """Send a text to an E.164 phone or an e-mail address."""
        if "@" not in phone:
            return await self._sms.send(reference, phone, text)
        if self._email is None:
            return SendOutcome.REFUSED
        return SendOutcome(await self._email.send_email(reference, phone, SUBJECT, text))

    async def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            await connection.close()


class HttpEmail:
    """Posts {"to", "subject", "text", "reference"}, and reads the answer, as HttpSms does."""

    def __init__(self, http: HttpSms) -> None:
        self._http = http

    async def send_email(self, reference: str, address: str, subject: str, text: str) -> SendOutcome:
        """Send a text to an address."""
        return await self._http.post(reference, {"to": address, "subject": subject, "text": text})


class SandboxEmail:
    """Keeps e-mails in the sandbox's inbox, beside the messages to phones."""

    def __init__(self, inbox: PostgresSandboxInbox) -> None:
        self._inbox = inbox

    async def send_email(self, reference: str, address: str, subject: str, text: str) -> SendOutcome:
        """Keep the e-mail."""
        return await self._inbox.send(reference, address, f"{subject}\n\n{text}")
