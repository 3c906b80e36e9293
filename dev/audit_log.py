"""`daira audit`: the audit log of the platform that runs here, verified or shown."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import click

from dev.chain_verification import given_checkpoints, rows_bar, say
from dev.running import database_that_answers, running_endpoints
from dev.settings import DevSettings
from services.auth.check_audit import entry_lines, report, show, verify
from services.sealing.key_encryption import KeyEncryptionKeys, decode_key_encryption_key

_T = TypeVar("_T")


def verify_log(settings: DevSettings, checkpoints: Sequence[str]) -> bool:
    """Verify and say what was found, with a bar; whether the log is intact. DevError when no platform runs."""
    url, key = _where(settings)
    outside = given_checkpoints(checkpoints)
    with rows_bar("audit log") as advance:
        verdict = _run(verify(url, key, outside, advance))
    say(report(verdict))
    return verdict.is_intact


def show_entries(settings: DevSettings, user_id: int) -> None:
    """Say the last rows about a person; DevError when no platform runs."""
    url, key = _where(settings)
    for line in entry_lines(_run(show(url, key, user_id))):
        click.echo(line)


def _where(settings: DevSettings) -> tuple[str, KeyEncryptionKeys]:
    known = running_endpoints(settings)
    return known["AUTH_DATABASE_URL"], KeyEncryptionKeys(
        "auth", decode_key_encryption_key(known["AUTH_KEY_ENCRYPTION_KEY"].encode())
    )


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    with database_that_answers():
        return asyncio.run(work)
