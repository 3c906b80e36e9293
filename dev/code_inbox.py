"""`daira codes`: the messages that the sandbox provider kept instead of sending them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from dev.errors import DevError
from dev.running import database_that_answers, running_endpoints
from dev.settings import DevSettings
from services.auth.adapters.identifier_reader import IdentifierReader
from services.auth.adapters.postgres.sandbox_inbox import InboxMessage, read_inbox
from services.chassis.errors import AppError

POLL_S = 0.5
# More than the budgets let one machine send between two looks.
LOOK_BACK = 200


@dataclass(frozen=True)
class InboxOrder:
    """What to show: the last `count` messages, to one phone or, with "", to all; then those that come, if `follow`."""

    phone: str = ""
    count: int = 10
    follow: bool = False


def show_codes(order: InboxOrder, settings: DevSettings, say: Callable[[str], None]) -> None:
    """Say each message, oldest first; DevError when no platform runs, or the phone is none."""
    url = running_endpoints(settings)["AUTH_DATABASE_URL"]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_show(url, order, _normal_phone(order.phone), say))


def told(message: InboxMessage) -> str:
    """A message in one block: when, to whom, and its text."""
    body = message.body.replace("\n", "\n  ")
    return f"{message.received_at.astimezone():%H:%M:%S}  {message.phone}\n  {body}"


def _normal_phone(text: str) -> str:
    if not text:
        return ""
    try:
        return IdentifierReader().read_phone(text, "phone").value
    except AppError as error:
        raise DevError(error.message, "Give an Egyptian mobile number, such as 010 0123 4567.") from None


async def _show(url: str, order: InboxOrder, phone: str, say: Callable[[str], None]) -> None:
    with database_that_answers():
        connection = await asyncpg.connect(url)
    try:
        seen: set[InboxMessage] = set()
        limit = order.count
        while True:
            found = await read_inbox(connection, phone, limit)
            for message in reversed(found):
                if message not in seen:
                    say(told(message))
            seen = {*seen, *found}
            if not order.follow:
                if not found:
                    say("No code was sent yet.")
                return
            if limit != LOOK_BACK:
                # What was there before and was not asked for is not new.
                seen |= set(await read_inbox(connection, phone, LOOK_BACK))
                limit = LOOK_BACK
            await asyncio.sleep(POLL_S)
    finally:
        await connection.close()
