"""The platform that runs from a home folder, for commands beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import asyncpg

from dev.errors import DevError
from dev.home import Home
from dev.settings import DevSettings
from services.chassis.errors import AppError


def running_endpoints(settings: DevSettings) -> Mapping[str, str]:
    """What `daira run` wrote down; DevError when none runs."""
    known = Home(settings.home).endpoints()
    if "AUTH_DATABASE_URL" not in known:
        raise DevError(f"No DAIRA runs from {settings.home}.", "Start one with `daira run`, then ask again.")
    return known


@contextlib.contextmanager
def database_that_answers(service: str = "auth") -> Iterator[None]:
    """Inside the block a database of `service` that does not answer raises DevError."""
    try:
        yield
    except (OSError, asyncpg.PostgresError, AppError) as error:
        problem = f"{service}'s database does not answer: {type(error).__name__}."
        raise DevError(problem, "See what `daira run` says.") from None
