"""`daira audit`: the audit log of the platform that runs here, verified or shown."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from dev.errors import DevError
from dev.running import database_that_answers, running_endpoints
from dev.settings import DevSettings
from services.auth.adapters.signing_key_box import decode_key_encryption_key
from services.auth.check_audit import entry_lines, read_statements, report, show, verify

_T = TypeVar("_T")


def verify_log(settings: DevSettings, checkpoints: Sequence[str]) -> bool:
    """Verify and say what was found, with a bar; whether the log is intact. DevError when no platform runs."""
    url, key = _where(settings)
    try:
        outside = read_statements(checkpoints)
    except OSError as error:
        raise DevError(
            f"{Path(error.filename or '').name}: {error.strerror}.", "Name a checkpoint or a file."
        ) from None
    with click.progressbar(length=0, label="audit log", show_pos=True) as bar:

        def advance(count: int, total: int) -> None:
            bar.length = total
            bar.update(count)

        verdict = _run(verify(url, key, outside, advance))
    for line in report(verdict):
        click.echo(click.style(line, fg="red") if line.startswith("WRONG") else line)
    return verdict.is_intact


def show_entries(settings: DevSettings, user_id: int) -> None:
    """Say the last rows about a person; DevError when no platform runs."""
    url, key = _where(settings)
    for line in entry_lines(_run(show(url, key, user_id))):
        click.echo(line)


def _where(settings: DevSettings) -> tuple[str, bytes]:
    known = running_endpoints(settings)
    return known["AUTH_DATABASE_URL"], decode_key_encryption_key(known["AUTH_KEY_ENCRYPTION_KEY"].encode())


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    with database_that_answers():
        return asyncio.run(work)
