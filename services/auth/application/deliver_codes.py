"""Sends the messages of the outbox, each at least once, always under its one reference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from services.auth.application.code_ports import CodeMint, CodeOutbox, DueMessage, SendOutcome, SmsProvider
from services.auth.domain.codes import message_text
from services.chassis.clock import Clock
from services.chassis.errors import AppError

_POLL_S: Final = 0.2
_AWAY_S: Final = 1.0
_BATCH: Final = 32
# Beside the provider's own time: what a sender needs to delete a message that was sent.
_SLACK: Final = timedelta(seconds=2)

EXPIRED: Final = "expired"
UNREADABLE: Final = "unreadable"

_log = structlog.get_logger(__name__)


class DeliverCodes:
    """Any number of replicas may send. Who dies between sending and deleting leaves the message to be sent again.

    `provider_time` is the longest that the provider takes to answer; `on_outcome` is told how each attempt ended.
    """

    def __init__(
        self,
        outbox: CodeOutbox,
        provider: SmsProvider,
        mint: CodeMint,
        origin: str,
        provider_time: timedelta,
        clock: Clock,
        on_outcome: Callable[[str], None],
    ) -> None:
        self._outbox = outbox
        self._provider = provider
        self._mint = mint
        self._origin = origin
        self._lease = provider_time + _SLACK
        self._clock = clock
        self._on_outcome = on_outcome

    async def deliver_due(self) -> int:
        """Send what is due, at most one batch; how many were taken. AppError UNAVAILABLE when the database is away."""
        now = self._clock.now()
        due = await self._outbox.claim(now, now + self._lease, _BATCH)
        # One slow answer must not hold back the others' codes.
        await asyncio.gather(*(self._deliver(message) for message in due))
        return len(due)

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`."""
        while not stop.is_set():
            wait_s = _POLL_S
            try:
                if await self.deliver_due() == _BATCH:
                    continue
            except AppError as error:
                _log.warning("codes_wait", reason=error.reason)
                wait_s = _AWAY_S
            try:
                async with asyncio.timeout(wait_s):
                    await stop.wait()
            except TimeoutError:
                continue

    async def _deliver(self, message: DueMessage) -> None:
        outcome = await self._attempt(message)
        self._on_outcome(outcome)
        if outcome != SendOutcome.SENT.value:
            _log.warning("code_not_sent", reference=message.reference, outcome=outcome, sends=message.sends)
        if outcome != SendOutcome.UNKNOWN.value:
            await self._outbox.remove(message.reference)

    async def _attempt(self, message: DueMessage) -> str:
        if message.expires_at <= self._clock.now():
            return EXPIRED
        try:
            opened = self._mint.open_message(message.reference, message.sealed)
        except ValueError:
            # Sealed with a key that is no longer ours: the person asks for another.
            return UNREADABLE
        outcome = await self._provider.send(opened.reference, opened.phone, message_text(opened.code, self._origin))
        return outcome.value
