"""Calls of one provider over HTTP: few at once, none while it is away, and never an exception for its troubles."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
import orjson
import structlog

from services.chassis.breaker import CircuitBreaker
from services.chassis.clock import Clock

_ANSWER_MAX_BYTES: Final = 256 * 1024
_SERVER_ERROR: Final = 500
_NOT_FOUND: Final = 404

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that arrived whole: its status, below 500, and its JSON object."""

    status: int
    body: Mapping[str, Any]

    @property
    def says_not_found(self) -> bool:
        """Whether the provider itself says that it has nothing of a reference.

        A proxy that has no route answers 404 as well: money that was sent would be sent again because of it.
        """
        return self.status == _NOT_FOUND and "not found" in str(self.body.get("detail", "")).lower()

    @property
    def may_say_repeated(self) -> bool:
        """Whether a refusal may be of a reference that was used already: then an earlier request was taken."""
        text = str(dict(self.body)).lower()
        return any(word in text for word in ("reference", "duplicate", "already"))


class HttpProvider:
    """One provider at `base_url`; at most `at_once` calls run, and five failures in a row stop the next for a while.

    Its calls have no part in those of another provider: each has connections, places and a breaker of its own.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        clock: Clock,
        *,
        timeout_s: float,
        at_once: int = 16,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport` is the network, unless another is given."""
        self.name = name
        self._places = asyncio.Semaphore(at_once)
        self._breaker = CircuitBreaker(clock, failures=5, open_s=5.0)
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers=headers,
            timeout=timeout_s,
            limits=httpx.Limits(max_connections=at_once),
            # Keys and destinations belong to this address and no other.
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    async def call(
        self, method: str, path: str, *, json: Mapping[str, Any] | None = None, params: Mapping[str, str] | None = None
    ) -> Reply | None:
        """The provider's answer; None when none came, or none that tells anything: it may have acted all the same."""
        async with self._places:
            if not self._breaker.admits():
                return None
            problem = "server error"
            try:
                reply = await self._exchange(method, path, json, params)
            except (httpx.HTTPError, ValueError) as error:
                reply, problem = None, type(error).__name__
            except asyncio.CancelledError:
                # Whoever waited has given up: that is no answer either.
                self._breaker.failed()
                raise
            if reply is None:
                _log.warning("provider_gave_no_answer", provider=self.name, problem=problem)
                if self._breaker.failed():
                    _log.warning("provider_breaker_opened", provider=self.name)
            elif self._breaker.succeeded():
                _log.info("provider_breaker_closed", provider=self.name)
            return reply

    async def _exchange(
        self, method: str, path: str, json: Mapping[str, Any] | None, params: Mapping[str, str] | None
    ) -> Reply | None:
        async with self._client.stream(method, path, json=json, params=params) as response:
            raw = bytearray()
            async for piece in response.aiter_bytes():
                raw += piece
                if len(raw) > _ANSWER_MAX_BYTES:
                    raise ValueError("the answer is too long")
        if response.status_code >= _SERVER_ERROR:
            return None
        body = orjson.loads(raw) if raw else {}
        if not isinstance(body, dict):
            raise ValueError("the answer is no object")  # noqa: TRY004 - of what arrived, not of a programmer's type
        return Reply(response.status_code, body)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
