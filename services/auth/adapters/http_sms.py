"""Sends messages through any provider that takes a JSON POST with a bearer key."""

from __future__ import annotations

from typing import Final

import httpx
import structlog

from services.auth.application.code_ports import SendOutcome

# "We have this one": it was sent, and is not sent again.
_KNOWN_REFERENCE: Final = 409
# Refusals that may pass: too slow, too early, too many. Any other 4xx is for good.
_PASSING: Final = frozenset({408, 425, 429})
_CONNECTIONS: Final = 32

_log = structlog.get_logger(__name__)


class HttpSms:
    """Posts {"to", "text", "reference"} to `url`, the reference also as Idempotency-Key. Close it when done.

    A 2xx or 409 means sent, another 4xx refused but for 408, 425 and 429; whatever else happens is unknown, and is
    asked again under the same reference, by which the provider must know a repeat.
    """

    def __init__(
        self, url: str, key: bytes, timeout_s: float, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._url = url
        self._client = httpx.AsyncClient(
            headers={"authorization": f"Bearer {key.decode()}"},
            timeout=timeout_s,
            limits=httpx.Limits(max_connections=_CONNECTIONS),
            # The key belongs to this address and no other.
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    async def send(self, reference: str, phone: str, text: str) -> SendOutcome:
        """Send a text to an E.164 phone."""
        return await self.post(reference, {"to": phone, "text": text})

    async def post(self, reference: str, message: dict[str, str]) -> SendOutcome:
        """Post the message with its reference, by which the provider knows a repeat."""
        try:
            # Only the status is read: a body may be endless, and may repeat number and code.
            async with self._client.stream(
                "POST",
                self._url,
                json=message | {"reference": reference},
                headers={"idempotency-key": reference},
            ) as response:
                status = response.status_code
        except httpx.HTTPError as error:
            _log.warning("sms_provider_away", reference=reference, error=type(error).__name__)
            return SendOutcome.UNKNOWN
        if 200 <= status < 300 or status == _KNOWN_REFERENCE:
            return SendOutcome.SENT
        _log.warning("sms_provider_declined", reference=reference, status=status)
        if 400 <= status < 500 and status not in _PASSING:
            return SendOutcome.REFUSED
        return SendOutcome.UNKNOWN

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
