"""`daira keys list|rotate|revoke`: the keys that sign access tokens on the platform that runs here."""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import click
import structlog

from dev.errors import DevError
from dev.home import Home
from dev.settings import DevSettings
from services.auth.rotate_keys import NO_SUCH_KEY, NOTHING_TO_ROTATE, change_keys, key_lines
from services.chassis.errors import AppError
from services.sealing.key_encryption import KeyEncryptionKeys, decode_key_encryption_key


def show_keys(settings: DevSettings, verb: str, kid: str = "") -> None:
    """Do what `verb` says, and list the keys as they are then. DevError when no platform runs, or nothing changed."""
    known = Home(settings.home).endpoints()
    if "AUTH_DATABASE_URL" not in known:
        raise DevError(f"No DAIRA runs from {settings.home}.", "Start one with `daira run`, then ask again.")
    encryption = KeyEncryptionKeys("auth", decode_key_encryption_key(known["AUTH_KEY_ENCRYPTION_KEY"].encode()))
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        keys = asyncio.run(change_keys(known["AUTH_DATABASE_URL"], encryption, verb, kid))
    except (OSError, asyncpg.PostgresError, AppError) as error:
        problem = f"Nothing was changed: auth's database does not answer ({type(error).__name__})."
        raise DevError(problem, "See what `daira run` says.") from None
    if keys is None:
        reason = NO_SUCH_KEY if verb == "revoke" else NOTHING_TO_ROTATE
        raise DevError(f"Nothing was changed: {reason}.", "`daira keys list` shows the keys there are.")
    for line in key_lines(keys):
        click.echo(line)
